import { describe, expect, it } from 'vitest'
import { toDidKey } from '../../../../core/src/domain/did/did-key.ts'
import { toMultibaseKey } from '../../../../core/src/domain/did/multibase-key.ts'
import type { Decision } from '../../../../core/src/domain/guard/decision.ts'
import { createTrustedIssuers } from '../../../../core/src/domain/trust/trusted-issuers.ts'
import {
  type BadgeWorld,
  createBadgeWorld,
  didDocument,
  HEADER,
  ISSUER,
  JTI,
  NOW,
  type Payload,
  SUBJECT,
  vcOf,
} from '../../../fakes/badge-world.ts'
import { createFakeEs256Issuer } from '../../../fakes/es256-issuer.ts'
import { createGuardWorld, type GuardWorld, SAMPLE_RULES } from '../../../fakes/guard-world.ts'
import { createFakeIssuer } from '../../../fakes/issuer.ts'
import { fromHex, WEAK_KEYS } from '../../../tools/weak-keys.ts'

const thief = createFakeIssuer('ca-1', 9)

const present = (core: GuardWorld, token: string): Promise<Decision> =>
  core.ask({ credential: { kind: 'badge', token } })

/** Denied for one reason, with a record that says so and names nobody. */
async function expectDenied(core: GuardWorld, token: string, reason: string): Promise<void> {
  const before = core.records.length
  expect(await present(core, token)).toMatchObject({ outcome: 'DENY', reason, principal: { name: '' } })
  expect(core.faults).toEqual([])
  expect(core.records).toHaveLength(before + 1)
  expect(core.records.at(-1)).toMatchObject({
    'capiscio.decision': 'DENY',
    'io.capisc.reason': reason,
    'capiscio.agent.did': '',
    trust_level: 0,
  })
}

const EVIL = { jwk: thief.jwk, jku: 'https://evil.example/jwks.json', x5u: 'https://evil.example/c.pem', x5c: ['AAAA'] }

describe('a token in a shape that is no badge', () => {
  const world = createBadgeWorld()
  const [header = '', payload = '', signature = ''] = world.badge().split('.')
  const withHeader = (changes: Payload): string => world.badge({}, changes)
  const unsigned = (changes: Payload): string =>
    `${Buffer.from(JSON.stringify({ ...HEADER, ...changes })).toString('base64url')}.${payload}`
  const json = JSON.stringify(world.payload())
  const raw = (text: string): string => world.ca.signRaw(JSON.stringify(HEADER), text)

  it.each<[string, string, string]>([
    ['the signature stripped', `${header}.${payload}`, 'BADGE_MALFORMED'],
    ['an empty signature', `${header}.${payload}.`, 'BADGE_MALFORMED'],
    ['an empty payload', `${header}..${signature}`, 'BADGE_MALFORMED'],
    ['a fourth part', `${header}.${payload}.${signature}.${signature}`, 'BADGE_MALFORMED'],
    ['five parts', `${header}.${payload}.${signature}.${header}.${payload}`, 'BADGE_MALFORMED'],
    ['only dots', '..', 'BADGE_MALFORMED'],
    ['nothing', '', 'BADGE_MALFORMED'],
    ['alg none, and the signature it had', `${unsigned({ alg: 'none' })}.${signature}`, 'BADGE_MALFORMED'],
    ['alg none, and no signature', `${unsigned({ alg: 'none' })}.`, 'BADGE_MALFORMED'],
    ['alg None', withHeader({ alg: 'None' }), 'BADGE_MALFORMED'],
    ['alg HS256 over the public key', withHeader({ alg: 'HS256' }), 'BADGE_MALFORMED'],
    ['alg ES256', withHeader({ alg: 'ES256' }), 'BADGE_MALFORMED'],
    [
      'alg ES256, genuine',
      createFakeEs256Issuer('ca-1', 7n).sign({ ...HEADER, alg: 'ES256' }, world.payload()),
      'BADGE_MALFORMED',
    ],
    ['alg "EdDSA "', withHeader({ alg: 'EdDSA ' }), 'BADGE_MALFORMED'],
    ['alg ed25519', withHeader({ alg: 'ed25519' }), 'BADGE_MALFORMED'],
    ['alg Ed25519', withHeader({ alg: 'Ed25519' }), 'BADGE_MALFORMED'],
    ['no alg', withHeader({ alg: undefined }), 'BADGE_MALFORMED'],
    ['crit', withHeader({ crit: ['exp'] }), 'BADGE_MALFORMED'],
    ['b64', withHeader({ b64: false, crit: ['b64'] }), 'BADGE_MALFORMED'],
    ['a nonce for its type', withHeader({ typ: 'pop+jws' }), 'BADGE_MALFORMED'],
    ['padding', `${header}.${payload}.${signature}==`, 'BADGE_MALFORMED'],
    ['the other alphabet of base64', `${header}.${payload}.${signature.replace(/[-_]/g, '+')}+`, 'BADGE_MALFORMED'],
    ['left-over bits', `${header}.${payload}.${signature.slice(0, -1)}h`, 'BADGE_MALFORMED'],
    ['white space', `${header}. ${payload}.${signature}`, 'BADGE_MALFORMED'],
    ['a line break at its end', `${header}.${payload}.${signature}\n`, 'BADGE_MALFORMED'],
    ['a NUL', `${header}.${payload}.${signature}\0`, 'BADGE_MALFORMED'],
    ['a member twice', raw(json.replace('{', '{"iss":"https://evil.example",')), 'BADGE_MALFORMED'],
    ['a level twice', raw(json.replace('"level":"2"', '"level":"2","level":"4"')), 'BADGE_MALFORMED'],
    ['alg twice', world.ca.signRaw(`{"alg":"none",${JSON.stringify(HEADER).slice(1)}`, json), 'BADGE_MALFORMED'],
    ['the flattened JSON serialization', JSON.stringify({ protected: header, payload, signature }), 'BADGE_MALFORMED'],
    [
      'the general JSON serialization',
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
      'BADGE_MALFORMED',
    ],
    ['a scheme before it', `Bearer ${header}.${payload}.${signature}`, 'BADGE_MALFORMED'],
    ['16 385 characters', 'a'.repeat(16_385), 'BADGE_MALFORMED'],
    ['keys of its own', thief.sign({ ...HEADER, ...EVIL }, world.payload()), 'BADGE_SIGNATURE_INVALID'],
    [
      'keys of its own and no kid',
      thief.sign({ ...HEADER, ...EVIL, kid: undefined }, world.payload()),
      'BADGE_SIGNATURE_INVALID',
    ],
    ['a signature of zeros', `${header}.${payload}.${'A'.repeat(86)}`, 'BADGE_SIGNATURE_INVALID'],
  ])('with %s is denied', async (_, token, reason) => {
    await expectDenied(createGuardWorld(), token, reason)
  })

  it('is denied though its near neighbour passes', async () => {
    const core = createGuardWorld()
    for (const token of [`${header}.${payload}.${signature}`, withHeader(EVIL), raw(json)]) {
      expect(await present(core, token)).toMatchObject({ outcome: 'ALLOW', principal: { name: SUBJECT } })
    }
  })
})

describe('a key that anybody can sign for', () => {
  /** R is the neutral point and s is zero: under a key of small order it verifies on some runtimes. */
  const FORGERY = Buffer.concat([Buffer.of(1), Buffer.alloc(63)]).toString('base64url')
  const x = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url')
  const forged = (token: string): string => token.replace(/[^.]*$/, FORGERY)

  it.each(WEAK_KEYS)('is refused wherever it enters: %s', async (hex) => {
    const core = createGuardWorld()
    const { world } = core
    const did = toDidKey(fromHex(hex))
    const key = { kty: 'OKP', crv: 'Ed25519', x: x(hex) }

    // In a did:key that signs for itself, also where any self-signed badge counts.
    const selfSigned = { iss: did, sub: did, key }
    await expectDenied(core, forged(world.selfSigned(selfSigned, { kid: undefined })), 'BADGE_CLAIMS_INVALID')
    // In a did:key that is the subject, and in the badge's own claim.
    await expectDenied(core, world.badge({ sub: did }), 'BADGE_CLAIMS_INVALID')
    await expectDenied(core, world.badge({ key }), 'BADGE_CLAIMS_INVALID')
    // In a DID document.
    for (const document of [
      didDocument(SUBJECT, toMultibaseKey(fromHex(hex))),
      JSON.stringify({ id: SUBJECT, verificationMethod: [{ id: `${SUBJECT}#key-1`, publicKeyJwk: key }] }),
    ]) {
      world.didDocuments.documents.set(SUBJECT, document)
      await expectDenied(core, world.ca.sign(HEADER, world.confirmedPayload()), 'BADGE_CLAIMS_INVALID')
    }
    // In the key set of an issuer, under a name and without one.
    world.issuerKeys.publish(ISSUER, [{ ...world.ca.jwk, x: x(hex) }])
    await expectDenied(core, forged(world.badge()), 'BADGE_SIGNATURE_INVALID')
    await expectDenied(core, forged(world.badge({}, { kid: undefined })), 'BADGE_SIGNATURE_INVALID')
    expect(world.ed25519.checks).toBeLessThanOrEqual(2)
    // In the configuration.
    const configured = { issuers: [], acceptLevelZero: false, levelZeroKeys: [did] }
    expect(() => createTrustedIssuers(configured)).toThrow(TypeError)
  })
})

describe('times at their limits', () => {
  const at = async (claims: string, skewMs = 60_000): Promise<string> => {
    const world = createBadgeWorld()
    const core = createGuardWorld({ world, badges: world.verifier({ clockSkewMs: skewMs }) })
    const { iat: _iat, exp: _exp, ...rest } = world.payload()
    const { reason = 'ALLOW' } = await present(
      core,
      world.ca.signRaw(JSON.stringify(HEADER), `{${claims},${JSON.stringify(rest).slice(1)}`),
    )
    expect(core.faults).toEqual([])
    expect(core.records).toHaveLength(1)
    return reason
  }
  const sound = `"iat":${NOW},"exp":${NOW + 300}`
  const EXPIRED = 'BADGE_EXPIRED'
  const EARLY = 'BADGE_NOT_YET_VALID'
  const INVALID = 'BADGE_CLAIMS_INVALID'

  it.each([
    [sound, 'ALLOW'],
    [`"iat":${NOW - 900},"exp":${NOW - 59}`, 'ALLOW'],
    [`"iat":${NOW - 900},"exp":${NOW - 60}`, EXPIRED],
    [`"iat":${NOW - 900},"exp":${NOW - 61}`, EXPIRED],
    [`"iat":${NOW + 59},"exp":${NOW + 300}`, 'ALLOW'],
    [`"iat":${NOW + 60},"exp":${NOW + 300}`, 'ALLOW'],
    [`"iat":${NOW + 61},"exp":${NOW + 300}`, EARLY],
    [`${sound},"nbf":${NOW + 60}`, 'ALLOW'],
    [`${sound},"nbf":${NOW + 61}`, EARLY],
    [`${sound},"nbf":0`, 'ALLOW'],
    ['"iat":0,"exp":253402300799', 'ALLOW'],
    ['"iat":0,"exp":253402300800', INVALID],
    [`"iat":${NOW},"exp":${NOW}`, INVALID],
    [`"iat":${NOW},"exp":${NOW - 1}`, INVALID],
    [`"exp":${NOW + 300}`, INVALID],
    [`"iat":${NOW}`, INVALID],
    ...['1e309', '-1e309', '-1', '9007199254740992', '1733788800.5', '"1733788800"', 'null', 'true', '[]'].flatMap(
      (value): [string, string][] => [
        [`"iat":${value},"exp":${NOW + 300}`, INVALID],
        [`"iat":${NOW},"exp":${value}`, INVALID],
        [`${sound},"nbf":${value}`, INVALID],
      ],
    ),
  ])('%s: %s', async (claims, reason) => {
    expect(await at(claims)).toBe(reason)
  })

  it('are as the configuration says, to the second', async () => {
    expect(await at(`"iat":${NOW - 900},"exp":${NOW - 4}`, 5_000)).toBe('ALLOW')
    expect(await at(`"iat":${NOW - 900},"exp":${NOW - 5}`, 5_000)).toBe(EXPIRED)
    expect(await at(`"iat":${NOW + 5},"exp":${NOW + 9}`, 5_000)).toBe('ALLOW')
    expect(await at(`"iat":${NOW + 6},"exp":${NOW + 9}`, 5_000)).toBe(EARLY)
    expect(await at(`"iat":${NOW - 900},"exp":${NOW}`, 0)).toBe(EXPIRED)
    expect(await at(`"iat":${NOW - 900},"exp":${NOW + 1}`, 0)).toBe('ALLOW')
  })
})

describe('names that mean something to JavaScript', () => {
  const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'then']

  it.each<[string, (world: BadgeWorld, name: string) => string, string]>([
    ['kid', (world, name) => world.badge({}, { kid: name }), 'BADGE_SIGNATURE_INVALID'],
    ['issuer', (world, name) => world.badge({ iss: name }), 'BADGE_CLAIMS_INVALID'],
    ['issuer host', (world, name) => world.badge({ iss: `https://${name}` }), 'ISSUER_UNTRUSTED'],
    ['subject', (world, name) => world.badge({ sub: name }), 'BADGE_CLAIMS_INVALID'],
    ['jti', (world, name) => world.badge({ jti: name }), 'BADGE_CLAIMS_INVALID'],
    ['level', (world, name) => world.badge({ vc: vcOf(name) }), 'BADGE_CLAIMS_INVALID'],
    ['ial', (world, name) => world.badge({ ial: name }), 'BADGE_CLAIMS_INVALID'],
    ['audience', (world, name) => world.badge({ aud: [name] }), 'BADGE_AUDIENCE_MISMATCH'],
    ['alg', (world, name) => world.badge({}, { alg: name }), 'BADGE_MALFORMED'],
    ['typ', (world, name) => world.badge({}, { typ: name }), 'BADGE_MALFORMED'],
  ])('are denied like any other unknown %s', async (_, tokenOf, reason) => {
    for (const name of [...NAMES, 'unknown']) {
      const core = createGuardWorld()
      await expectDenied(core, tokenOf(core.world, name), reason)
    }
  })

  it('are members like any other, of header, claims and credential', async () => {
    const world = createBadgeWorld()
    const members = `"__proto__":{"level":"4","polluted":true},"constructor":{"prototype":{"polluted":true}}`
    const json = JSON.stringify(world.payload())
    const header = JSON.stringify(HEADER)
    for (const token of [
      world.ca.signRaw(header, json.replace('{', `{${members},`)),
      world.ca.signRaw(header, json.replace('"credentialSubject":{', `"credentialSubject":{${members},`)),
      world.ca.signRaw(header.replace('{', `{${members},`), json),
    ]) {
      const core = createGuardWorld()
      expect(await present(core, token)).toMatchObject({ outcome: 'ALLOW', principal: { trustLevel: 2 } })
    }
    // A claim that is only inherited is not there.
    const inherited = json.replace('"ial":"0",', '').replace('{', '{"__proto__":{"ial":"0"},')
    await expectDenied(createGuardWorld(), world.ca.signRaw(header, inherited), 'BADGE_CLAIMS_INVALID')
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('are tools like any other', async () => {
    const core = createGuardWorld()
    for (const toolName of [...NAMES, 'unknown']) {
      expect(await core.ask({ toolName }), toolName).toMatchObject({ outcome: 'ALLOW' })
      expect(core.records.at(-1)).toMatchObject({ 'capiscio.target': toolName })
    }
    expect(core.faults).toEqual([])
  })

  it('are trusted issuers and agents only where they are listed', async () => {
    const core = createGuardWorld()
    core.world.status.revoked.add('__proto__').add('constructor')
    core.world.status.disabled.add('__proto__')
    expect(await present(core, core.world.badge())).toMatchObject({ outcome: 'ALLOW', principal: { badgeJti: JTI } })
    for (const name of NAMES) {
      expect(SAMPLE_RULES.issuers.trustsIssuer(name)).toBe(false)
      expect(SAMPLE_RULES.issuers.narrow([name], false).trustsIssuer(ISSUER)).toBe(false)
    }
  })
})

describe('what a decision tells of a badge', () => {
  it('is who was verified, and neither its key nor a part of its token', async () => {
    const core = createGuardWorld()
    const token = core.world.badge()
    const decision = await present(core, token)
    const { leaf, ...reference } = decision.evidence ?? { leaf: new Uint8Array() }
    const told = JSON.stringify([{ ...decision, evidence: reference }, new TextDecoder().decode(leaf)])
    expect(told).toContain(JTI)
    const key = core.world.agent.publicKey
    for (const secret of [
      ...token.split('.'),
      String(core.world.agent.jwk.x),
      Buffer.from(key).toString('hex'),
      key.join(),
    ]) {
      expect(told).not.toContain(secret)
    }
  })
})
