import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNodeEs256Verifier } from '../../../../core/src/adapters/crypto/node-es256.ts'
import { BadgeRefused } from '../../../../core/src/domain/badge/badge-refused.ts'
import { verifyBadge } from '../../../../core/src/domain/badge/verify-badge.ts'
import { toMultibaseKey } from '../../../../core/src/domain/did/multibase-key.ts'
import { createIssuerKeySets } from '../../../../core/src/domain/trust/issuer-key-sets.ts'
import type { StatusAnswer } from '../../../../core/src/ports/badge-status.ts'
import {
  AUDIENCE,
  type BadgeWorld,
  createBadgeWorld,
  demandsOf,
  didDocument,
  HEADER,
  ISSUER,
  JTI,
  NOW,
  RULES,
  SUBJECT,
  vcOf,
} from '../../../fakes/badge-world.ts'
import { createFakeEs256Issuer } from '../../../fakes/es256-issuer.ts'
import { createFakeIssuer } from '../../../fakes/issuer.ts'
import { rejectionOf } from '../../../tools/refusal.ts'
import { WEAK_KEYS } from '../../../tools/weak-keys.ts'

const refused = (code: string): string => `BadgeRefused ${code}`
const UNTRUSTED = refused('BADGE_ISSUER_UNTRUSTED')
const FORGED = refused('BADGE_SIGNATURE_INVALID')
const INVALID = refused('BADGE_CLAIMS_INVALID')

const decide = (world: BadgeWorld, token: string, demands = demandsOf(), options = {}) =>
  rejectionOf(world.verifier(options).verify(token, demands))

const ACCEPTED = { returned: expect.objectContaining({ jti: JTI }) }

describe('a good badge', () => {
  it('is verified, with the facts that decisions need', async () => {
    const world = createBadgeWorld()
    const badge = await world.verifier().verify(world.badge(), demandsOf())
    expect(badge).toEqual({
      jti: JTI,
      issuer: ISSUER,
      subject: SUBJECT,
      level: 2,
      ial: 0,
      audience: [AUDIENCE],
      issuedAt: NOW,
      expiresAt: NOW + 300,
      notBefore: undefined,
      domain: 'agents.example.com',
      subjectKey: world.agent.publicKey,
      keyThumbprint: 'UDDReOZl1ipXAfp9wYsm13sDBMK5og--QWdBjzuf6o4',
      kid: 'ca-1',
      algorithm: 'EdDSA',
      standing: { revocationAgeMs: 0, warnings: [] },
      cacheHit: false,
    })
  })

  it('gives each caller a key of its own, and one caller cannot change that of the next', async () => {
    const world = createBadgeWorld()
    const verifier = world.verifier()
    const { subjectKey } = await verifier.verify(world.badge(), demandsOf())
    subjectKey?.fill(0)
    expect((await verifier.verify(world.badge(), demandsOf())).subjectKey).toEqual(world.agent.publicKey)
  })

  it.each(['1', '2', '3', '4'])('of level %s is verified', async (level) => {
    const world = createBadgeWorld()
    const vc = vcOf(level, { domain: 'a.example' })
    expect(await world.verifier().verify(world.badge({ vc }), demandsOf())).toMatchObject({ level: Number(level) })
  })

  it('of level 0 is verified, by its own key and without a question to anybody', async () => {
    const world = createBadgeWorld()
    const demands = demandsOf({ levelZeroKeys: [world.agentDidKey] })
    expect(await world.verifier().verify(world.selfSigned(), demands)).toMatchObject({
      level: 0,
      issuer: world.agentDidKey,
      subject: world.agentDidKey,
      keyThumbprint: 'aVBtapLd11SUVKIMGJfPzOEDuN0sXcmzJQNVT-_sKEU',
    })
    expect(world.issuerKeys.asked).toEqual([])
    expect(world.status.asked).toEqual([])
    expect(world.didDocuments.asked).toEqual([])
  })
})

describe('step 4-pre: trust in the issuer', () => {
  it('comes before any key is looked up', async () => {
    const world = createBadgeWorld()
    expect(await decide(world, world.badge(), demandsOf({ issuers: ['https://other.example'] }))).toBe(UNTRUSTED)
    expect(await decide(world, world.badge(), demandsOf({ issuers: [] }))).toBe(UNTRUSTED)
    expect(await decide(world, world.badge({ iss: 'https://evil.example' }))).toBe(UNTRUSTED)
    expect(world.issuerKeys.asked).toEqual([])
    expect(world.ed25519.checks).toBe(0)
  })

  it('is not gained by level 0 trust, and does not give it', async () => {
    const world = createBadgeWorld()
    const onlyLevelZero = demandsOf({ issuers: [], levelZeroKeys: [world.agentDidKey], acceptLevelZero: true })
    expect(await decide(world, world.badge(), onlyLevelZero)).toBe(UNTRUSTED)
    expect(await decide(world, world.selfSigned(), demandsOf())).toBe(UNTRUSTED)
    expect(await decide(world, world.selfSigned(), demandsOf({ acceptLevelZero: true }))).toEqual(ACCEPTED)
  })

  it('ignores one final slash in iss', async () => {
    const world = createBadgeWorld()
    expect(await decide(world, world.badge({ iss: `${ISSUER}/` }))).toEqual(ACCEPTED)
  })

  it('never extends to .invalid in production, however it is configured', async () => {
    const world = createBadgeWorld()
    const issuer = 'https://registry.capiscio.invalid'
    world.issuerKeys.publish(issuer, [world.ca.jwk])
    const demands = demandsOf({ issuers: [issuer] })
    const token = world.badge({ iss: issuer })
    expect(await decide(world, token, demands, { rejectReservedIssuers: true })).toBe(UNTRUSTED)
    expect(await decide(world, token, demands, { rejectReservedIssuers: false })).toEqual(ACCEPTED)
  })
})

describe('steps 4 and 5: keys and signature', () => {
  it('refuses when the keys of a trusted issuer cannot be had, and says that it may pass later', async () => {
    const world = createBadgeWorld()
    world.issuerKeys.takeAway(ISSUER)
    const error = await world
      .verifier()
      .verify(world.badge(), demandsOf())
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(BadgeRefused)
    expect(error).toMatchObject({ code: 'BADGE_ISSUER_UNTRUSTED', retryable: true })
    expect((error as BadgeRefused).cause).toMatchObject({ name: 'SourceUnavailable' })
  })

  it('refuses when the key set of a trusted issuer is broken', async () => {
    const world = createBadgeWorld()
    world.issuerKeys.publishText(ISSUER, '{"keys":')
    const error = await world
      .verifier()
      .verify(world.badge(), demandsOf())
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'BADGE_ISSUER_UNTRUSTED', retryable: false })
  })

  it('uses only the key that kid names', async () => {
    const world = createBadgeWorld()
    const other = createFakeIssuer('ca-2', 9)
    world.issuerKeys.publish(ISSUER, [other.jwk, world.ca.jwk])
    expect(await decide(world, world.badge())).toEqual(ACCEPTED)
    expect(world.ed25519.checks).toBe(1)
    expect(await decide(world, world.badge({}, { kid: 'ca-2' }))).toBe(FORGED)
  })

  it('asks the issuer once more for an unknown kid', async () => {
    const world = createBadgeWorld()
    const next = createFakeIssuer('ca-2', 9)
    world.issuerKeys.publishUnseen(ISSUER, [next.jwk])
    const token = next.sign({ ...HEADER, kid: 'ca-2' }, world.payload())
    expect(await decide(world, token)).toEqual(ACCEPTED)
    expect(world.issuerKeys.asked).toEqual([ISSUER, `${ISSUER}!`])
  })

  it('refuses a kid that is still unknown then', async () => {
    const world = createBadgeWorld()
    for (const kid of ['ca-9', 'CA-1', '', '__proto__', 'constructor']) {
      expect(await decide(world, world.badge({}, { kid })), kid).toBe(FORGED)
    }
    expect(world.ed25519.checks).toBe(0)
  })

  it('refuses when the newer keys cannot be had', async () => {
    const world = createBadgeWorld()
    world.issuerKeys.freshenFor = () => {
      world.issuerKeys.takeAway(ISSUER)
      return world.issuerKeys.keySet(ISSUER)
    }
    expect(await decide(world, world.badge({}, { kid: 'ca-2' }))).toBe(UNTRUSTED)
  })

  it('does not ask again when the known key just does not match', async () => {
    const world = createBadgeWorld()
    expect(await decide(world, createFakeIssuer('ca-1', 9).sign(HEADER, world.payload()))).toBe(FORGED)
    expect(world.issuerKeys.asked).toEqual([ISSUER])
  })

  it('tries five keys when there is no kid, and asks for no newer ones', async () => {
    const world = createBadgeWorld()
    const others = [11, 12, 13, 14, 15].map((seed) => createFakeIssuer(`k${seed}`, seed).jwk)
    const token = world.badge({}, { kid: undefined })
    world.issuerKeys.publish(ISSUER, [...others.slice(0, 4), world.ca.jwk])
    expect(await decide(world, token)).toEqual({ returned: expect.objectContaining({ kid: undefined }) })
    world.issuerKeys.publish(ISSUER, [...others, world.ca.jwk])
    expect(await decide(world, token)).toBe(FORGED)
    expect(world.ed25519.checks).toBe(10)
    expect(world.issuerKeys.asked).toEqual([ISSUER, ISSUER])
  })

  it('refuses a badge of an issuer without usable keys', async () => {
    const world = createBadgeWorld()
    world.issuerKeys.publish(ISSUER, [])
    expect(await decide(world, world.badge())).toBe(FORGED)
    expect(await decide(world, world.badge({}, { kid: undefined }))).toBe(FORGED)
  })

  it.each(WEAK_KEYS)('refuses a badge under the weak key %s', async (hex) => {
    const world = createBadgeWorld()
    world.issuerKeys.publish(ISSUER, [{ ...world.ca.jwk, x: Buffer.from(hex, 'hex').toString('base64url') }])
    // With R = A = the neutral point and s = 0 this verifies on some runtimes, whatever is signed.
    const [header, payload] = world.badge().split('.')
    const signature = Buffer.concat([Buffer.of(1), Buffer.alloc(63)]).toString('base64url')
    expect(await decide(world, `${header}.${payload}.${signature}`)).toBe(FORGED)
    expect(world.ed25519.checks).toBe(0)
  })

  it('refuses changed claims, another key and a signature of the wrong length', async () => {
    const world = createBadgeWorld()
    const [header, payload, signature = ''] = world.badge().split('.')
    const [, otherPayload] = world.badge({ vc: vcOf('4', { domain: 'a.example' }) }).split('.')
    expect(await decide(world, `${header}.${otherPayload}.${signature}`)).toBe(FORGED)
    expect(await decide(world, `${header}.${payload}.${signature.slice(0, 84)}`)).toBe(FORGED)
    expect(await decide(world, `${header}.${payload}.${signature}AAAA`)).toBe(FORGED)
    expect(await decide(world, world.agent.sign(HEADER, world.payload()))).toBe(FORGED)
  })

  it('does not use a key that the badge brings along', async () => {
    const world = createBadgeWorld()
    const thief = createFakeIssuer('ca-1', 9)
    const header = { ...HEADER, jwk: thief.jwk, jku: 'https://evil.example/jwks.json', x5c: [] }
    expect(await decide(world, thief.sign(header, world.payload()))).toBe(FORGED)
    expect(await decide(world, world.ca.sign(header, world.payload()))).toEqual(ACCEPTED)
  })

  it('refuses a signed nonce that reads like a badge', async () => {
    const world = createBadgeWorld()
    const demands = demandsOf({ levelZeroKeys: [world.agentDidKey] })
    expect(await decide(world, world.selfSigned({}, { typ: 'pop+jws' }), demands)).toBe(refused('BADGE_MALFORMED'))
    expect(await decide(world, world.selfSigned(), demands)).toEqual(ACCEPTED)
  })

  describe('at level 0', () => {
    it('refuses the signature of anybody else', async () => {
      const world = createBadgeWorld()
      const demands = demandsOf({ acceptLevelZero: true })
      const token = world.ca.sign({ alg: 'EdDSA', typ: 'JWT' }, world.selfSignedPayload())
      expect(await decide(world, token, demands)).toBe(FORGED)
    })

    it('accepts no other kid than that of the did:key', async () => {
      const world = createBadgeWorld()
      const demands = demandsOf({ acceptLevelZero: true })
      expect(await decide(world, world.selfSigned({}, { kid: undefined }), demands)).toEqual(ACCEPTED)
      for (const kid of [`${world.agentDidKey}#keys-1`, world.agentDidKey, 'ca-1', '']) {
        expect(await decide(world, world.selfSigned({}, { kid }), demands), kid).toBe(FORGED)
      }
    })
  })
})

describe('a badge signed with ES256', () => {
  const ec = createFakeEs256Issuer('ec-1', 7n)
  const header = { alg: 'ES256', typ: 'JWT', kid: 'ec-1' }
  const enabled = async (world: BadgeWorld, token: string, demands = demandsOf()) =>
    rejectionOf(world.verifier({}, es256).verify(token, demands))
  const es256 = createNodeEs256Verifier({ maxKeys: 10 })

  it('is malformed unless that is enabled', async () => {
    const world = createBadgeWorld()
    world.issuerKeys.publish(ISSUER, [world.ca.jwk, ec.jwk])
    const token = ec.sign(header, world.payload())
    expect(await decide(world, token)).toBe(refused('BADGE_MALFORMED'))
    expect(await enabled(world, token)).toEqual({
      returned: expect.objectContaining({ jti: JTI, algorithm: 'ES256', kid: 'ec-1' }),
    })
  })

  it('does not keep EdDSA from working', async () => {
    const world = createBadgeWorld()
    world.issuerKeys.publish(ISSUER, [ec.jwk, world.ca.jwk])
    expect(await enabled(world, world.badge())).toEqual(ACCEPTED)
    expect(await enabled(world, world.badge({}, { kid: undefined }))).toEqual(ACCEPTED)
    expect(await enabled(world, ec.sign({ ...header, kid: undefined }, world.payload()))).toEqual(ACCEPTED)
  })

  it('is refused when its key is for the other algorithm, without asking for newer keys', async () => {
    const world = createBadgeWorld()
    world.issuerKeys.publish(ISSUER, [world.ca.jwk, ec.jwk])
    expect(await enabled(world, ec.sign({ ...header, kid: 'ca-1' }, world.payload()))).toBe(FORGED)
    expect(await enabled(world, world.badge({}, { alg: 'ES256' }))).toBe(FORGED)
    expect(await enabled(world, world.badge({}, { kid: 'ec-1' }))).toBe(FORGED)
    expect(world.issuerKeys.asked).toEqual([ISSUER, ISSUER, ISSUER])
    expect(world.ed25519.checks).toBe(0)
  })

  it('is refused when it is changed, or signed by another', async () => {
    const world = createBadgeWorld()
    world.issuerKeys.publish(ISSUER, [ec.jwk])
    const [first, , last] = ec.sign(header, world.payload()).split('.')
    const [, other] = ec.sign(header, world.payload({ vc: vcOf('4', { domain: 'a.example' }) })).split('.')
    expect(await enabled(world, `${first}.${other}.${last}`)).toBe(FORGED)
    expect(await enabled(world, createFakeEs256Issuer('ec-1', 8n).sign(header, world.payload()))).toBe(FORGED)
  })

  it('is never self-signed: a did:key is an Ed25519 key', async () => {
    const world = createBadgeWorld()
    const demands = demandsOf({ acceptLevelZero: true })
    for (const kid of [undefined, `${world.agentDidKey}#${world.agentDidKey.slice(8)}`]) {
      expect(await enabled(world, world.selfSigned({}, { alg: 'ES256', kid }), demands)).toBe(FORGED)
    }
    expect(await enabled(world, world.selfSigned(), demands)).toEqual(ACCEPTED)
  })

  it('is refused when the rules allow it but nobody can check it', async () => {
    const world = createBadgeWorld()
    world.issuerKeys.publish(ISSUER, [ec.jwk])
    const sources = { ...world.sources(), issuerKeys: createIssuerKeySets(world.issuerKeys, { allowEs256: true }) }
    const rules = { ...RULES, allowEs256: true }
    const verification = (more: object) =>
      rejectionOf(verifyBadge(ec.sign(header, world.payload()), demandsOf(), undefined, { ...sources, ...more }, rules))
    expect(await verification({})).toBe(FORGED)
    expect(await verification({ es256 })).toHaveProperty('returned')
  })

  it('is remembered like any other, and forgotten with its key', async () => {
    const world = createBadgeWorld()
    world.issuerKeys.publish(ISSUER, [ec.jwk])
    let checks = 0
    const counting = { verify: (...parts: Parameters<typeof es256.verify>) => ++checks > 0 && es256.verify(...parts) }
    const verifier = world.verifier({}, counting)
    const token = ec.sign(header, world.payload())
    for (let i = 0; i < 3; i++) await verifier.verify(token, demandsOf())
    expect(checks).toBe(1)
    world.issuerKeys.publish(ISSUER, [world.ca.jwk])
    expect(await rejectionOf(verifier.verify(token, demandsOf()))).toBe(FORGED)
  })
})

describe('step 6: times and audience', () => {
  it.each([
    [{ iat: NOW - 1000, exp: NOW - 59 }, {}, ACCEPTED],
    [{ iat: NOW - 1000, exp: NOW - 60 }, {}, refused('BADGE_EXPIRED')],
    [{ iat: NOW + 60 }, {}, ACCEPTED],
    [{ iat: NOW + 61 }, {}, refused('BADGE_NOT_YET_VALID')],
    [{ nbf: NOW + 60 }, {}, ACCEPTED],
    [{ nbf: NOW + 61 }, {}, refused('BADGE_NOT_YET_VALID')],
    [{ iat: NOW - 1000, exp: NOW - 59 }, { clockSkewMs: 59_000 }, refused('BADGE_EXPIRED')],
    [{ iat: NOW + 1 }, { clockSkewMs: 0 }, refused('BADGE_NOT_YET_VALID')],
  ])('%j with %j', async (claims, options, result) => {
    const world = createBadgeWorld()
    expect(await decide(world, world.badge(claims), demandsOf(), options)).toEqual(result)
  })

  it('holds every badge to the audience that is demanded', async () => {
    const world = createBadgeWorld()
    const MISMATCH = refused('BADGE_AUDIENCE_MISMATCH')
    expect(await decide(world, world.badge(), demandsOf({ own: ['https://other.example'] }))).toBe(MISMATCH)
    expect(await decide(world, world.badge(), demandsOf({ own: [] }))).toBe(MISMATCH)
    expect(await decide(world, world.badge(), demandsOf({ own: [], alsoOneOf: [[AUDIENCE]] }))).toEqual(ACCEPTED)
    const levelZero = demandsOf({ acceptLevelZero: true, required: true })
    expect(await decide(world, world.selfSigned(), levelZero)).toBe(MISMATCH)
    expect(await decide(world, world.selfSigned({ aud: [AUDIENCE] }), levelZero)).toEqual(ACCEPTED)
  })

  it('warns once of badges from level 1 on that are for everybody', async () => {
    const world = createBadgeWorld()
    const verifier = world.verifier()
    const demands = demandsOf({ acceptLevelZero: true })
    await verifier.verify(world.badge(), demands)
    await verifier.verify(world.selfSigned(), demands)
    await rejectionOf(
      verifier.verify(world.badge({ aud: undefined, exp: NOW + 1, iat: NOW - 5 }), demandsOf({ required: true })),
    )
    expect(world.events.warnings).toEqual([])
    await verifier.verify(world.badge({ aud: undefined, vc: vcOf('1') }), demands)
    await verifier.verify(world.badge({ aud: undefined, exp: NOW + 301 }), demands)
    expect(world.events.warnings).toEqual(['BADGE_WITHOUT_AUDIENCE'])
  })
})

describe('step 7: the key of the subject at IAL 1', () => {
  const confirmed = (world: BadgeWorld, changes = {}) => world.ca.sign(HEADER, world.confirmedPayload(changes))

  it('is confirmed by the DID document', async () => {
    const world = createBadgeWorld()
    expect(await world.verifier().verify(confirmed(world), demandsOf())).toMatchObject({ ial: 1 })
    expect(world.didDocuments.asked).toEqual([SUBJECT])
  })

  it('is not looked up at IAL 0', async () => {
    const world = createBadgeWorld()
    world.didDocuments.documents.clear()
    expect(await decide(world, world.badge())).toEqual(ACCEPTED)
    expect(world.didDocuments.asked).toEqual([])
  })

  it.each<[string, (world: BadgeWorld) => string | undefined]>([
    ['cannot be had', () => undefined],
    ['is no document', () => '<html>'],
    ['is about another DID', (world) => didDocument('did:web:b.example', toMultibaseKey(world.agent.publicKey))],
    ['holds another key', (world) => didDocument(SUBJECT, toMultibaseKey(world.ca.publicKey))],
    [
      'holds the key under another id',
      (world) => didDocument(SUBJECT, toMultibaseKey(world.agent.publicKey)).replaceAll('key-1', 'key-2'),
    ],
    ['holds a weak key', () => didDocument(SUBJECT, toMultibaseKey(new Uint8Array(32)))],
  ])('is refused when the document %s', async (_, documentOf) => {
    const world = createBadgeWorld()
    const document = documentOf(world)
    world.didDocuments.documents.clear()
    if (document !== undefined) world.didDocuments.documents.set(SUBJECT, document)
    expect(await decide(world, confirmed(world))).toBe(INVALID)
  })

  it('may be retried when the document could not be had', async () => {
    const world = createBadgeWorld()
    world.didDocuments.documents.clear()
    const error = await world
      .verifier()
      .verify(confirmed(world), demandsOf())
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'BADGE_CLAIMS_INVALID', retryable: true })
  })

  it('is confirmed offline for a did:key', async () => {
    const world = createBadgeWorld()
    const sub = world.agentDidKey
    const kid = `${sub}#${sub.slice(8)}`
    expect(await decide(world, confirmed(world, { sub, cnf: { kid } }))).toEqual(ACCEPTED)
    expect(await decide(world, confirmed(world, { sub, cnf: { kid: `${sub}#keys-1` } }))).toBe(INVALID)
    const key = { kty: 'OKP', crv: 'Ed25519', x: world.ca.jwk.x }
    expect(await decide(world, confirmed(world, { sub, cnf: { kid }, key }))).toBe(INVALID)
    expect(world.didDocuments.asked).toEqual([])
  })

  it('is refused for methods that cannot be looked up', async () => {
    const world = createBadgeWorld()
    const sub = 'did:example:agent'
    expect(await decide(world, confirmed(world, { sub, cnf: { kid: `${sub}#key-1` } }))).toBe(INVALID)
    expect(world.didDocuments.asked).toEqual([])
    expect(await decide(world, world.badge({ sub }))).toEqual(ACCEPTED)
  })

  it('is looked up only after the signature held', async () => {
    const world = createBadgeWorld()
    const forged = createFakeIssuer('ca-1', 9).sign(HEADER, world.confirmedPayload())
    expect(await decide(world, forged)).toBe(FORGED)
    expect(world.didDocuments.asked).toEqual([])
  })
})

describe('steps 8 and 9: standing', () => {
  it('asks about the badge and about its subject', async () => {
    const world = createBadgeWorld()
    await world.verifier().verify(world.badge(), demandsOf())
    expect(world.status.asked).toEqual([`${ISSUER} ${JTI}`, `${ISSUER} ${SUBJECT}`])
  })

  it('refuses a revoked badge and a disabled agent', async () => {
    const world = createBadgeWorld()
    world.status.disabled.add(SUBJECT)
    expect(await decide(world, world.badge())).toBe(refused('BADGE_AGENT_DISABLED'))
    world.status.revoked.add(JTI)
    expect(await decide(world, world.badge())).toBe(refused('BADGE_REVOKED'))
    expect(await decide(world, world.selfSigned(), demandsOf({ acceptLevelZero: true }))).toEqual(ACCEPTED)
  })

  it.each(['isRevoked', 'isAgentActive'] as const)('refuses when %s has no answer', async (question) => {
    const world = createBadgeWorld()
    world.status.unanswerable.add(question)
    const error = await world
      .verifier()
      .verify(world.badge(), demandsOf())
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'BadgeRefused', code: 'REVOCATION_CHECK_FAILED', retryable: true })
    expect(await decide(world, world.selfSigned(), demandsOf({ acceptLevelZero: true }))).toEqual(ACCEPTED)
  })

  it('lets a known revocation win over an unknown agent', async () => {
    const world = createBadgeWorld()
    world.status.revoked.add(JTI)
    world.status.unanswerable.add('isAgentActive')
    expect(await decide(world, world.badge())).toBe(refused('BADGE_REVOKED'))
  })

  it('takes answers that are no answers for the worst', async () => {
    const world = createBadgeWorld()
    world.status.isRevoked = async () => undefined as unknown as StatusAnswer
    expect(await decide(world, world.badge())).toBe(refused('BADGE_REVOKED'))
    world.status.isRevoked = async () => ({ answer: false })
    world.status.isAgentActive = async () => ({ answer: 'no' as unknown as boolean })
    expect(await decide(world, world.badge())).toBe(refused('BADGE_AGENT_DISABLED'))
  })
})

describe('a fault of a collaborator', () => {
  it.each<[string, (world: BadgeWorld, fault: Error) => void]>([
    [
      'issuerKeys',
      ({ issuerKeys }, fault) => {
        issuerKeys.keySet = () => Promise.reject(fault)
      },
    ],
    [
      'didDocuments',
      ({ didDocuments }, fault) => {
        didDocuments.resolve = () => Promise.reject(fault)
      },
    ],
    [
      'isRevoked',
      ({ status }, fault) => {
        status.isRevoked = () => Promise.reject(fault)
      },
    ],
    [
      'isAgentActive',
      ({ status }, fault) => {
        status.isAgentActive = () => Promise.reject(fault)
      },
    ],
    [
      'clock',
      ({ clock }, fault) => {
        clock.nowMs = () => {
          throw fault
        }
      },
    ],
  ])('%s is no refusal: it passes through', async (_, breakIt) => {
    const world = createBadgeWorld()
    const fault = new Error('broken')
    breakIt(world, fault)
    const token = world.ca.sign(HEADER, world.confirmedPayload())
    await expect(world.verifier().verify(token, demandsOf())).rejects.toBe(fault)
  })
})

describe('the order of the steps', () => {
  const STEPS = [
    ['claims', 'BADGE_CLAIMS_INVALID'],
    ['trust', 'BADGE_ISSUER_UNTRUSTED'],
    ['keys', 'BADGE_ISSUER_UNTRUSTED'],
    ['signature', 'BADGE_SIGNATURE_INVALID'],
    ['expiry', 'BADGE_EXPIRED'],
    ['start', 'BADGE_NOT_YET_VALID'],
    ['audience', 'BADGE_AUDIENCE_MISMATCH'],
    ['binding', 'BADGE_CLAIMS_INVALID'],
    ['revocation unknown', 'REVOCATION_CHECK_FAILED'],
    ['agent', 'BADGE_AGENT_DISABLED'],
  ] as const
  type Step = (typeof STEPS)[number][0]

  it('decides which of several failures is named, and what is asked', async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray(STEPS.map(([step]) => step)), async (failing) => {
        const fails = (step: Step): boolean => failing.includes(step)
        const world = createBadgeWorld()
        const payload = world.confirmedPayload({
          ...(fails('claims') && { vc: vcOf('9') }),
          ...(fails('expiry') && { iat: NOW - 900, exp: NOW - 600 }),
          ...(fails('start') && { nbf: NOW + 600 }),
        })
        const token = (fails('signature') ? world.agent : world.ca).sign(HEADER, payload)
        if (fails('keys')) world.issuerKeys.takeAway(ISSUER)
        if (fails('binding')) world.didDocuments.documents.clear()
        if (fails('revocation unknown')) world.status.unanswerable.add('isRevoked')
        if (fails('agent')) world.status.disabled.add(SUBJECT)
        const demands = demandsOf({
          ...(fails('trust') && { issuers: [] }),
          ...(fails('audience') && { own: ['https://other.example'] }),
        })
        const first = STEPS.findIndex(([step]) => fails(step))
        expect(await decide(world, token, demands)).toEqual(first < 0 ? ACCEPTED : refused(STEPS[first]?.[1] ?? ''))

        const reached = (step: Step): boolean => first < 0 || first >= STEPS.findIndex(([name]) => name === step)
        expect(world.issuerKeys.asked.length > 0).toBe(reached('keys'))
        expect(world.ed25519.checks > 0).toBe(reached('signature'))
        expect(world.didDocuments.asked.length > 0).toBe(reached('binding'))
        expect(world.status.asked.length > 0).toBe(reached('revocation unknown'))
      }),
      { numRuns: 400 },
    )
  })
})
