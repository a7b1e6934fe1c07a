import { describe, expect, it } from 'vitest'
import { createNodeEs256Verifier } from '../../../../core/src/adapters/crypto/node-es256.ts'
import { toMultibaseKey } from '../../../../core/src/domain/did/multibase-key.ts'
import {
  type BadgeWorld,
  createBadgeWorld,
  demandsOf,
  didDocument,
  HEADER,
  ISSUER,
  JTI,
  NOW,
  SUBJECT,
  vcOf,
} from '../../../fakes/badge-world.ts'
import { createFakeEs256Issuer } from '../../../fakes/es256-issuer.ts'
import { createFakeIssuer } from '../../../fakes/issuer.ts'
import { P256_ORDER, toBytes, toNumber } from '../../../fakes/textbook-es256.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

const refused = (code: string): string => `BadgeRefused ${code}`
const ACCEPTED = { returned: expect.objectContaining({ jti: JTI, cacheHit: true }) }

/** A verifier that has met the token. */
async function acquainted(token: (world: BadgeWorld) => string = (world) => world.badge()) {
  const world = createBadgeWorld()
  const verifier = world.verifier()
  const badge = token(world)
  await verifier.verify(badge, demandsOf({ acceptLevelZero: true }))
  return {
    world,
    again: (demands = demandsOf({ acceptLevelZero: true })) => rejectionOf(verifier.verify(badge, demands)),
  }
}

describe('a badge that was met before', () => {
  it('is accepted without arithmetic, with the same facts', async () => {
    const world = createBadgeWorld()
    const verifier = world.verifier()
    const { cacheHit: first, ...facts } = await verifier.verify(world.badge(), demandsOf())
    const { cacheHit: second, ...sameFacts } = await verifier.verify(world.badge(), demandsOf())
    expect([first, second]).toEqual([false, true])
    expect(sameFacts).toEqual(facts)
    expect(world.ed25519.checks).toBe(1)
    expect(world.events.hits).toEqual([false, true])
  })

  it('is another badge when one character differs', async () => {
    const { world } = await acquainted()
    const verifier = world.verifier()
    await verifier.verify(world.badge(), demandsOf())
    const [header, payload, signature = ''] = world.badge().split('.')
    // The last character of the signature carries two bits; 'A' spells others, or bits that must be zero.
    const forged = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    expect(await rejectionOf(verifier.verify(forged, demandsOf()))).toBe(refused('BADGE_SIGNATURE_INVALID'))
  })

  it('expires to the millisecond', async () => {
    const { world, again } = await acquainted()
    world.clock.advance(300_000 + 59_999)
    expect(await again()).toEqual(ACCEPTED)
    world.clock.advance(1)
    expect(await again()).toBe(refused('BADGE_EXPIRED'))
  })

  it('is not yet valid when the clock was set back', async () => {
    const { world, again } = await acquainted()
    world.clock.setWall((NOW - 61) * 1000)
    expect(await again()).toBe(refused('BADGE_NOT_YET_VALID'))
    world.clock.setWall((NOW - 60) * 1000)
    expect(await again()).toEqual(ACCEPTED)
  })

  it('is held to the issuers that each decision trusts', async () => {
    const { again } = await acquainted()
    expect(await again(demandsOf({ issuers: ['https://other.example'] }))).toBe(refused('BADGE_ISSUER_UNTRUSTED'))
    expect(await again()).toEqual(ACCEPTED)
  })

  it('is held to level 0 trust by each decision', async () => {
    const { again } = await acquainted((world) => world.selfSigned())
    expect(await again(demandsOf())).toBe(refused('BADGE_ISSUER_UNTRUSTED'))
    expect(await again()).toEqual(ACCEPTED)
  })

  it('is held to the audience that each decision demands', async () => {
    const { again } = await acquainted()
    expect(await again(demandsOf({ own: ['https://other.example'] }))).toBe(refused('BADGE_AUDIENCE_MISMATCH'))
    expect(await again(demandsOf({ alsoOneOf: [['https://other.example']] }))).toBe(refused('BADGE_AUDIENCE_MISMATCH'))
    expect(await again()).toEqual(ACCEPTED)
  })

  it('is refused as soon as it is revoked, its agent disabled, or neither known', async () => {
    const { world, again } = await acquainted()
    world.status.disabled.add(SUBJECT)
    expect(await again()).toBe(refused('BADGE_AGENT_DISABLED'))
    world.status.unanswerable.add('isAgentActive')
    expect(await again()).toBe(refused('REVOCATION_CHECK_FAILED'))
    world.status.revoked.add(JTI)
    expect(await again()).toBe(refused('BADGE_REVOKED'))
    world.status.revoked.clear()
    world.status.unanswerable.clear()
    world.status.disabled.clear()
    expect(await again()).toEqual(ACCEPTED)
  })

  it('gives facts that callers cannot change for the next one', async () => {
    const world = createBadgeWorld()
    const verifier = world.verifier()
    const badge = await verifier.verify(world.badge(), demandsOf())
    expect(() => (badge.audience as string[]).push('https://other.example')).toThrow(TypeError)
    Object.assign(badge, { level: 4, subject: 'did:web:evil.example' })
    expect(await verifier.verify(world.badge(), demandsOf())).toMatchObject({ level: 2, subject: SUBJECT })
  })
})

describe('when the keys of the issuer change', () => {
  it('keeps a badge whose key stays, without arithmetic', async () => {
    const { world, again } = await acquainted()
    world.issuerKeys.publish(ISSUER, [createFakeIssuer('ca-2', 9).jwk, world.ca.jwk])
    expect(await again()).toEqual(ACCEPTED)
    expect(world.ed25519.checks).toBe(1)
  })

  it('refuses a badge whose key is gone, while only hits occur', async () => {
    const { world, again } = await acquainted()
    world.issuerKeys.publish(ISSUER, [createFakeIssuer('ca-2', 9).jwk])
    expect(await again()).toBe(refused('BADGE_SIGNATURE_INVALID'))
    expect(world.issuerKeys.asked.at(-1)).toBe(`${ISSUER}!`)
    world.issuerKeys.publish(ISSUER, [world.ca.jwk])
    expect(await again()).toEqual(ACCEPTED)
  })

  it('refuses a badge whose key got another name', async () => {
    const { world, again } = await acquainted()
    world.issuerKeys.publish(ISSUER, [{ ...world.ca.jwk, kid: 'ca-2' }])
    expect(await again()).toBe(refused('BADGE_SIGNATURE_INVALID'))
  })

  it('refuses a badge whose key got a second owner of its name', async () => {
    const { world, again } = await acquainted()
    world.issuerKeys.publish(ISSUER, [world.ca.jwk, createFakeIssuer('ca-1', 9).jwk])
    expect(await again()).toBe(refused('BADGE_SIGNATURE_INVALID'))
  })

  it('refuses a badge whose name belongs to another key', async () => {
    const { world, again } = await acquainted()
    world.issuerKeys.publish(ISSUER, [createFakeIssuer('ca-1', 9).jwk])
    expect(await again()).toBe(refused('BADGE_SIGNATURE_INVALID'))
  })

  it('refuses a badge without kid whose key is no longer among the first five', async () => {
    const { world, again } = await acquainted((w) => w.badge({}, { kid: undefined }))
    const others = [11, 12, 13, 14, 15].map((seed) => createFakeIssuer(`k${seed}`, seed).jwk)
    world.issuerKeys.publish(ISSUER, [...others.slice(0, 4), world.ca.jwk])
    expect(await again()).toEqual({ returned: expect.objectContaining({ jti: JTI }) })
    world.issuerKeys.publish(ISSUER, [...others, world.ca.jwk])
    expect(await again()).toBe(refused('BADGE_SIGNATURE_INVALID'))
  })

  it('refuses while the keys cannot be had or read', async () => {
    const { world, again } = await acquainted()
    world.issuerKeys.takeAway(ISSUER)
    expect(await again()).toBe(refused('BADGE_ISSUER_UNTRUSTED'))
    world.issuerKeys.publishText(ISSUER, 'x')
    expect(await again()).toBe(refused('BADGE_ISSUER_UNTRUSTED'))
  })
})

describe('the confirmed key of the subject', () => {
  const confirmed = (world: BadgeWorld) => world.ca.sign(HEADER, world.confirmedPayload({ exp: NOW + 3600 }))

  it('is looked at again after five minutes', async () => {
    const { world, again } = await acquainted(confirmed)
    world.clock.advance(299_999)
    expect(await again()).toEqual(ACCEPTED)
    expect(world.didDocuments.asked).toHaveLength(1)
    world.clock.advance(1)
    expect(await again()).toEqual(ACCEPTED)
    expect(world.didDocuments.asked).toHaveLength(2)
    world.clock.advance(299_999)
    expect(await again()).toEqual(ACCEPTED)
    expect(world.didDocuments.asked).toHaveLength(2)
  })

  it('is refused then if it was replaced, and stays refused', async () => {
    const { world, again } = await acquainted(confirmed)
    world.didDocuments.documents.set(SUBJECT, didDocument(SUBJECT, toMultibaseKey(world.ca.publicKey)))
    world.clock.advance(300_000)
    expect(await again()).toBe(refused('BADGE_CLAIMS_INVALID'))
    expect(await again()).toBe(refused('BADGE_CLAIMS_INVALID'))
  })

  it('does not live longer because the wall clock is set back', async () => {
    const { world, again } = await acquainted(confirmed)
    world.didDocuments.documents.clear()
    world.clock.advance(300_000)
    world.clock.setWall(NOW * 1000)
    expect(await again()).toBe(refused('BADGE_CLAIMS_INVALID'))
  })

  it('of a did:key is never looked at again', async () => {
    const { world, again } = await acquainted((w) => {
      const sub = w.agentDidKey
      const cnf = { kid: `${sub}#${sub.slice(8)}` }
      return w.ca.sign(HEADER, w.confirmedPayload({ sub, cnf, exp: NOW + 3600 }))
    })
    world.clock.advance(600_000)
    expect(await again()).toEqual(ACCEPTED)
    expect(world.didDocuments.asked).toEqual([])
  })
})

describe('what is remembered', () => {
  it.each<[string, (world: BadgeWorld) => void, ReturnType<typeof demandsOf>]>([
    ['an audience mismatch', () => undefined, demandsOf({ own: ['https://other.example'] })],
    ['a revocation', (world) => void world.status.revoked.add(JTI), demandsOf()],
    ['an unknown status', (world) => void world.status.unanswerable.add('isAgentActive'), demandsOf()],
    ['an expiry', (world) => world.clock.setWall((NOW + 9000) * 1000), demandsOf()],
  ])('is nothing after %s', async (_, spoil, demands) => {
    const world = createBadgeWorld()
    const verifier = world.verifier()
    spoil(world)
    for (let i = 0; i < 2; i++) await rejectionOf(verifier.verify(world.badge(), demands))
    expect(world.events.hits).toEqual([false, false])
    expect(world.ed25519.checks).toBe(2)
  })

  it('survives a flood of bad badges', async () => {
    const world = createBadgeWorld()
    const verifier = world.verifier({ cacheMaxEntries: 1 })
    await verifier.verify(world.badge(), demandsOf())
    const thief = createFakeIssuer('ca-1', 9)
    for (let i = 1; i <= 50; i++)
      await rejectionOf(verifier.verify(thief.sign(HEADER, world.payload({ i })), demandsOf()))
    expect(await verifier.verify(world.badge(), demandsOf())).toMatchObject({ cacheHit: true })
  })

  it('is at most so many badges, those used last', async () => {
    const world = createBadgeWorld()
    const verifier = world.verifier({ cacheMaxEntries: 2 })
    const [a, b, c] = [1, 2, 3].map((i) => world.badge({ i })) as [string, string, string]
    for (const token of [a, b, a, c, a, b]) await verifier.verify(token, demandsOf())
    expect(world.events.hits).toEqual([false, false, true, false, true, false])
  })

  it('is at most so many bytes', async () => {
    const world = createBadgeWorld()
    const verifier = world.verifier({ cacheMaxBytes: 6500 })
    const aud = ['https://api.example.com', ...Array.from({ length: 60 }, (_, i) => `https://${i}.example`)]
    const [small, large] = [world.badge(), world.badge({ aud })]
    // Either fits, not both.
    for (const token of [small, small, large, large, small]) await verifier.verify(token, demandsOf())
    expect(world.events.hits).toEqual([false, true, false, true, false])
  })

  it('is no badge that is larger than all of the memory', async () => {
    const world = createBadgeWorld()
    const verifier = world.verifier({ cacheMaxBytes: 100 })
    for (let i = 0; i < 2; i++) await verifier.verify(world.badge(), demandsOf())
    expect(world.events.hits).toEqual([false, false])
  })

  it('is nothing at all when nothing may be kept', async () => {
    const world = createBadgeWorld()
    const verifier = world.verifier({ cacheMaxEntries: 0 })
    for (let i = 0; i < 2; i++) await verifier.verify(world.badge(), demandsOf())
    expect(world.events.hits).toEqual([false, false])
  })

  it('belongs to one verifier: rules of another do not apply to it', async () => {
    const world = createBadgeWorld()
    const token = world.badge({ key: undefined, vc: vcOf('1') })
    await world.verifier({ requireKey: false }).verify(token, demandsOf())
    expect(await rejectionOf(world.verifier().verify(token, demandsOf()))).toBe(refused('BADGE_CLAIMS_INVALID'))
  })
})

describe('tokens that differ', () => {
  it('never share facts, however much they resemble each other', async () => {
    const world = createBadgeWorld()
    const verifier = world.verifier()
    const changes = [
      {},
      { sub: `${SUBJECT}2` },
      { vc: vcOf('1') },
      { vc: vcOf('4', { domain: 'a.example' }) },
      { exp: NOW + 301 },
      { nbf: NOW - 1 },
      { aud: undefined },
      { ignored: 1 },
    ]
    const tokens = [...changes.map((change) => world.badge(change)), world.badge({}, { kid: undefined })]
    const alone = await Promise.all(tokens.map((token) => world.verifier().verify(token, demandsOf())))
    for (const round of ['met first', 'met again']) {
      const together = await Promise.all(tokens.map((token) => verifier.verify(token, demandsOf())))
      for (const [index, { cacheHit, ...badge }] of together.entries()) {
        expect({ ...badge, cacheHit: false }).toEqual(alone[index])
        expect(cacheHit).toBe(round === 'met again')
      }
    }
  })

  it('are different also when the same claims have two good signatures', async () => {
    const world = createBadgeWorld()
    const ec = createFakeEs256Issuer('ec-1', 7n)
    world.issuerKeys.publish(ISSUER, [ec.jwk])
    const verifier = world.verifier({}, createNodeEs256Verifier({ maxKeys: 1 }))
    const token = ec.sign({ alg: 'ES256', typ: 'JWT', kid: 'ec-1' }, world.payload())
    const [header, payload, signature = ''] = token.split('.')
    const bytes = new Uint8Array(Buffer.from(signature, 'base64url'))
    // (r, n - s) is as good as (r, s).
    bytes.set(toBytes(P256_ORDER - toNumber(bytes.subarray(32))), 32)
    const twin = `${header}.${payload}.${Buffer.from(bytes).toString('base64url')}`
    for (const one of [token, twin, token, twin]) await verifier.verify(one, demandsOf())
    expect(world.events.hits).toEqual([false, false, true, true])
  })
})

describe('a flood of badges that do not count', () => {
  const thief = createFakeIssuer('ca-1', 9)

  it.each<[string, (world: BadgeWorld, index: number) => string]>([
    ['no text of a badge', (_, index) => `x${index}`.repeat(100)],
    ['too long', (_, index) => `${index}.`.padEnd(20_000, 'a')],
    ['badly formed claims', (world, index) => thief.sign(HEADER, world.payload({ index, ial: '7' }))],
    [
      'an issuer nobody trusts',
      (world, index) => thief.sign(HEADER, world.payload({ iss: `https://${index}.example` })),
    ],
    ['a level 0 that nobody trusts', (world, index) => world.selfSigned({ index })],
  ])('costs no signature check and no question where they have %s', async (_, tokenOf) => {
    const world = createBadgeWorld()
    const verifier = world.verifier({ cacheMaxEntries: 2 })
    await verifier.verify(world.badge(), demandsOf())
    const [checks, asked] = [world.ed25519.checks, world.issuerKeys.asked.length]
    for (let index = 0; index < 200; index++) {
      expect(await rejectionOf(verifier.verify(tokenOf(world, index), demandsOf()))).toMatch(/^BadgeRefused /)
    }
    expect([world.ed25519.checks, world.issuerKeys.asked.length]).toEqual([checks, asked])
    expect(world.didDocuments.asked).toEqual([])
    expect(world.status.asked).toHaveLength(2)
    expect(await verifier.verify(world.badge(), demandsOf())).toMatchObject({ cacheHit: true })
  })

  it('costs one signature check and nothing else where they are forged', async () => {
    const world = createBadgeWorld()
    const verifier = world.verifier({ cacheMaxEntries: 2 })
    for (let index = 0; index < 200; index++) {
      await rejectionOf(verifier.verify(thief.sign(HEADER, world.confirmedPayload({ index })), demandsOf()))
    }
    expect(world.ed25519.checks).toBe(200)
    expect(new Set(world.issuerKeys.asked)).toEqual(new Set([ISSUER]))
    expect([world.didDocuments.asked, world.status.asked]).toEqual([[], []])
  })
})

describe('the price of a badge', () => {
  it('is one signature check when it is new, and none and no document when it was met', async () => {
    const world = createBadgeWorld()
    const verifier = world.verifier()
    const token = world.ca.sign(HEADER, world.confirmedPayload())
    await verifier.verify(token, demandsOf())
    expect([world.ed25519.checks, world.didDocuments.asked.length, world.issuerKeys.asked.length]).toEqual([1, 1, 1])
    for (let i = 0; i < 100; i++) await verifier.verify(token, demandsOf())
    expect([world.ed25519.checks, world.didDocuments.asked.length]).toEqual([1, 1])
    // Whether its key still counts, and its standing, are asked of what is near at hand, never for newer keys.
    expect(new Set(world.issuerKeys.asked)).toEqual(new Set([ISSUER]))
  })
})

describe('a token that is too long', () => {
  it('is refused before it is hashed or looked up', async () => {
    const world = createBadgeWorld()
    expect(await rejectionOf(world.verifier().verify('a'.repeat(16_385), demandsOf()))).toBe(refused('BADGE_MALFORMED'))
    expect(world.events.hits).toEqual([])
  })
})

describe('options', () => {
  it.each([
    { clockSkewMs: -1 },
    { clockSkewMs: 0.5 },
    { clockSkewMs: Number.NaN },
    { cacheMaxEntries: -1 },
    { cacheMaxEntries: Number.POSITIVE_INFINITY },
    { cacheMaxBytes: 0 },
    { cacheMaxBytes: 1.5 },
  ])('%j are a mistake of the programmer', (options) => {
    const [name = ''] = Object.keys(options)
    expect(() => createBadgeWorld().verifier(options)).toThrow(TypeError)
    expect(() => createBadgeWorld().verifier(options)).toThrow(`${name} must be a whole number of at least`)
  })

  it('tolerate 60 seconds when nothing is said', async () => {
    const world = createBadgeWorld()
    world.clock.setWall((NOW - 60) * 1000)
    expect(await world.verifier().verify(world.badge(), demandsOf())).toMatchObject({ jti: JTI })
  })
})
