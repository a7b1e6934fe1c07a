import { describe, expect, it } from 'vitest'
import { parseBadge } from '../../../../core/src/domain/badge/parse-badge.ts'
import { toDidKey } from '../../../../core/src/domain/did/did-key.ts'
import {
  AUDIENCE,
  createBadgeWorld,
  HEADER,
  ISSUER,
  JTI,
  NOW,
  type Payload,
  SUBJECT,
  vcOf,
} from '../../../fakes/badge-world.ts'
import { refusalOf } from '../../../tools/refusal.ts'
import { fromHex, WEAK_KEYS } from '../../../tools/weak-keys.ts'

const world = createBadgeWorld()
const { ca, agentDidKey } = world
const key = world.payload().key as Payload

const MALFORMED = 'BadgeRefused BADGE_MALFORMED'
const INVALID = 'BadgeRefused BADGE_CLAIMS_INVALID'

const outcome = (token: string, requireKey = true) => refusalOf(() => parseBadge(token, { requireKey }))
const outcomeOf = (payload: Payload, requireKey?: boolean) => outcome(ca.sign(HEADER, payload), requireKey)
const parsed = (payload: Payload) => parseBadge(ca.sign(HEADER, payload), { requireKey: true })

describe('a well-formed badge', () => {
  it('says what its claims say', () => {
    expect(parseBadge(world.badge({ nbf: NOW + 1, x: 'ignored' }), { requireKey: true })).toEqual({
      jti: JTI,
      issuer: ISSUER,
      subject: SUBJECT,
      level: 2,
      ial: 0,
      audience: [AUDIENCE],
      issuedAt: NOW,
      expiresAt: NOW + 300,
      notBefore: NOW + 1,
      domain: 'agents.example.com',
      subjectKey: world.agent.publicKey,
      confirmedKeyId: undefined,
      kid: 'ca-1',
      algorithm: 'EdDSA',
    })
  })

  it('may leave out what is optional', () => {
    const { aud: _, ...payload } = world.payload({ vc: vcOf('1') })
    const badge = parseBadge(ca.sign({ alg: 'EdDSA', typ: 'JWT' }, payload), { requireKey: true })
    expect(badge).toMatchObject({
      level: 1,
      audience: undefined,
      notBefore: undefined,
      domain: undefined,
      kid: undefined,
    })
  })

  it('has an audience that nobody can change later', () => {
    expect(Object.isFrozen(parsed(world.payload()).audience)).toBe(true)
  })
})

describe('step 1: three strict base64url parts', () => {
  const [header = '', payload = '', signature = ''] = world.badge().split('.')

  it.each([
    ['nothing', ''],
    ['two parts', `${header}.${payload}`],
    ['four parts', `${header}.${payload}.${signature}.${signature}`],
    ['five parts, as of a JWE', `${header}.${payload}.${signature}.${header}.${header}`],
    ['a thousand dots', '.'.repeat(1000)],
    ['an empty header', `.${payload}.${signature}`],
    ['an empty payload', `${header}..${signature}`],
    ['an empty signature', `${header}.${payload}.`],
    ['a space before', ` ${header}.${payload}.${signature}`],
    ['a line break after', `${header}.${payload}.${signature}\n`],
    ['a line break inside', `${header}.${payload.slice(0, 8)}\n${payload.slice(8)}.${signature}`],
    ['padding', `${header}.${payload}.${signature}==`],
    ['the other alphabet', `${header}.${payload}.${'+'.repeat(86)}`],
    ['left-over bits in the signature', `${header}.${payload}.${signature.slice(0, -1)}h`],
    ['left-over bits in the header', `${header.slice(0, -1)}h.${payload}.${signature}`],
    ['the flattened JSON serialization', JSON.stringify({ protected: header, payload, signature })],
    ['the general JSON serialization', JSON.stringify({ payload, signatures: [{ protected: header, signature }] })],
    ['a scheme before', `Bearer ${header}.${payload}.${signature}`],
  ])('refuses %s', (_, token) => {
    expect(outcome(token)).toBe(MALFORMED)
  })

  it.each([undefined, null, 7, {}, ['a.b.c']])('refuses %j, which is no text', (token) => {
    expect(outcome(token as unknown as string)).toBe(MALFORMED)
  })

  it('reads a token of 16 384 characters and no longer one', () => {
    const padded = (extra: string): string => world.badge({ pad: extra })
    const base = padded('').length
    // Three bytes of padding make four characters.
    const longest = padded('x'.repeat(Math.floor(((16_384 - base) * 3) / 4)))
    expect(longest.length).toBeGreaterThan(16_380)
    expect(longest.length).toBeLessThanOrEqual(16_384)
    expect(parseBadge(longest, { requireKey: true }).jti).toBe(JTI)
    const longer = padded('x'.repeat(Math.floor(((16_384 - base) * 3) / 4) + 3))
    expect(longer.length).toBeGreaterThan(16_384)
    expect(outcome(longer)).toBe(MALFORMED)
  })
})

describe('step 2: two JSON objects with unique names', () => {
  const header = JSON.stringify(HEADER)
  const payload = JSON.stringify(world.payload())
  const inPayload = (text: string): string => ca.signRaw(header, text)
  const inHeader = (text: string): string => ca.signRaw(text, payload)

  it('reads them with space between and members in any order', () => {
    const reversed = Object.fromEntries(Object.entries(world.payload()).toReversed())
    expect(parseBadge(ca.signRaw(header, JSON.stringify(reversed, null, 2)), { requireKey: true }).jti).toBe(JTI)
  })

  it.each([
    ['no JSON', 'badge'],
    ['a JSON text', '"badge"'],
    ['a JSON array', '[{}]'],
    ['JSON null', 'null'],
    ['a byte order mark', `\ufeff${payload}`],
    ['a repeated claim', payload.replace('{', `{"iss":"https://evil.example",`)],
    ['a repeated claim in another spelling', payload.replace('{', `{"\\u0069ss":"https://evil.example",`)],
    ['a repeated level', payload.replace('"level":"2"', '"level":"2","level":"4"')],
    ['something after the object', `${payload}{}`],
    ['half a surrogate pair', payload.replace('agents.example.com', '\\ud800')],
    ['33 levels', payload.replace('{', `{"deep":${'['.repeat(32)}${']'.repeat(32)},`)],
  ])('refuses a payload with %s', (_, text) => {
    expect(outcome(inPayload(text))).toBe(MALFORMED)
  })

  it('refuses bytes that are not UTF-8', () => {
    const bytes = new TextEncoder().encode(payload)
    const broken = bytes.with(bytes.lastIndexOf('.'.charCodeAt(0)), 0xff)
    expect(outcome(ca.signRaw(header, bytes))).toHaveProperty('returned')
    expect(outcome(ca.signRaw(header, broken))).toBe(MALFORMED)
  })

  it.each([
    ['no JSON', 'EdDSA'],
    ['a JSON array', '[]'],
    ['a repeated alg', header.replace('{', '{"alg":"none",')],
    ['a byte order mark', `\ufeff${header}`],
  ])('refuses a header with %s', (_, text) => {
    expect(outcome(inHeader(text))).toBe(MALFORMED)
  })
})

describe('step 3a: the header', () => {
  it.each([
    ['another algorithm', { alg: 'ES256' }],
    ['no algorithm', { alg: undefined }],
    ['the algorithm none', { alg: 'none' }],
    ['a symmetric algorithm', { alg: 'HS256' }],
    ['EdDSA in lower case', { alg: 'eddsa' }],
    ['EdDSA with a space', { alg: 'EdDSA ' }],
    ['the newer name Ed25519', { alg: 'Ed25519' }],
    ['a list of algorithms', { alg: ['EdDSA'] }],
    ['no typ', { typ: undefined }],
    ['typ in lower case', { typ: 'jwt' }],
    ['the typ of a handshake proof', { typ: 'pop+jws' }],
    ['the typ of an ownership proof', { typ: 'pop+jwt' }],
    ['the typ of a grant', { typ: 'capiscio.dvgrant+jwt' }],
    ['the typ of a JOSE object', { typ: 'JOSE' }],
    ['crit', { crit: ['exp'] }],
    ['an empty crit', { crit: [] }],
    ['a null crit', { crit: null }],
    ['b64', { b64: false }],
    ['b64 true', { b64: true }],
    ['a kid that is a number', { kid: 1 }],
    ['a null kid', { kid: null }],
    ['a kid that is a list', { kid: ['ca-1'] }],
    ['a kid of 1025 characters', { kid: 'k'.repeat(1025) }],
  ])('refuses %s', (_, change) => {
    expect(outcome(ca.sign({ ...HEADER, ...change }, world.payload()))).toBe(MALFORMED)
  })

  it.each([
    ['no kid', { kid: undefined }, undefined],
    ['keys of its own, which play no part', { jwk: key, jku: 'https://evil.example', x5u: 'x', x5c: [] }, 'ca-1'],
    ['an unknown member', { nonce: 'x', __proto__: null }, 'ca-1'],
    ['a kid of 1024 characters', { kid: 'k'.repeat(1024) }, 'k'.repeat(1024)],
  ])('accepts %s', (_, change, kid) => {
    expect(parseBadge(ca.sign({ ...HEADER, ...change }, world.payload()), { requireKey: true }).kid).toBe(kid)
  })

  it('may leave out typ only where that is asked for, and never have another', () => {
    const read = (typ: unknown, allowMissingTyp: boolean) =>
      refusalOf(() => parseBadge(ca.sign({ ...HEADER, typ }, world.payload()), { requireKey: true, allowMissingTyp }))
    expect(read(undefined, false)).toBe(MALFORMED)
    expect(read(undefined, true)).toHaveProperty('returned')
    expect(read('JWT', true)).toHaveProperty('returned')
    for (const typ of [null, '', 'jwt', 'pop+jws', 'pop+jwt', 'pop-bound+jws', 'capiscio.dvgrant+jwt', ['JWT']]) {
      expect(read(typ, true), String(typ)).toBe(MALFORMED)
    }
  })

  it('may name ES256 only where that is asked for, and nothing else', () => {
    const read = (alg: unknown, allowEs256: boolean) =>
      refusalOf(() => parseBadge(ca.sign({ ...HEADER, alg }, world.payload()), { requireKey: true, allowEs256 }))
    expect(read('ES256', false)).toBe(MALFORMED)
    expect(read('ES256', true)).toMatchObject({ returned: { algorithm: 'ES256' } })
    expect(read('EdDSA', true)).toMatchObject({ returned: { algorithm: 'EdDSA' } })
    for (const alg of [undefined, 'none', 'es256', 'ES256 ', 'ES384', 'ES256K', 'HS256', 'PS256', ['ES256']]) {
      expect(read(alg, true), String(alg)).toBe(MALFORMED)
    }
  })

  it('is judged before the claims', () => {
    expect(outcome(ca.sign({ ...HEADER, alg: 'none' }, {}))).toBe(MALFORMED)
  })
})

describe('step 3b: claims that must be there, of the right type', () => {
  it.each(['jti', 'iss', 'sub', 'iat', 'exp', 'ial', 'key', 'vc'])(
    'refuses a badge without %s, or with null',
    (name) => {
      expect(outcomeOf(world.payload({ [name]: undefined }))).toBe(INVALID)
      expect(outcomeOf(world.payload({ [name]: null }))).toBe(INVALID)
      expect(outcomeOf(world.payload())).toHaveProperty('returned')
    },
  )

  it.each(['jti', 'iss', 'sub', 'iat', 'exp', 'ial', 'key', 'vc'])(
    'does not take %s in another case for it',
    (name) => {
      const { [name]: value, ...rest } = world.payload()
      expect(outcomeOf({ ...rest, [name.toUpperCase()]: value })).toBe(INVALID)
    },
  )

  it.each([
    ['jti', 7],
    ['jti', ''],
    ['jti', 'badge-1'],
    ['jti', JTI.replace('-41d4-', '-11d4-')],
    ['jti', JTI.replace('-a716-', '-c716-')],
    ['jti', ` ${JTI}`],
    ['jti', `${JTI}\n`],
    ['jti', '__proto__'],
    ['sub', 7],
    ['sub', ''],
    ['iss', 7],
    ['iss', [ISSUER]],
    ['ial', 0],
    ['ial', false],
    ['vc', []],
    ['vc', 'x'],
    ['key', []],
    ['key', 'x'],
  ])('refuses %s = %j', (name, value) => {
    expect(outcomeOf(world.payload({ [name]: value }))).toBe(INVALID)
  })

  it.each([JTI.toUpperCase(), '00000000-0000-4000-8000-000000000000', 'ffffffff-ffff-4fff-bfff-ffffffffffff'])(
    'accepts the jti %s',
    (jti) => {
      expect(parsed(world.payload({ jti })).jti).toBe(jti)
    },
  )

  describe.each(['iat', 'exp', 'nbf'])('%s', (name) => {
    const withTime = (json: string): string => {
      const payload = world.payload({ iat: 0, exp: 253_402_300_799, nbf: 0 })
      const { [name]: _, ...rest } = payload
      return ca.signRaw(JSON.stringify(HEADER), `{"${name}":${json},${JSON.stringify(rest).slice(1)}`)
    }

    it.each(['1', '253402300798', '1.0', '1e3'])('may be %s', (json) => {
      expect(outcome(withTime(json))).toHaveProperty('returned')
    })

    it.each([
      '-1',
      '1.5',
      '1e309',
      '-1e309',
      '253402300800',
      '9007199254740992',
      '"1733788800"',
      'null',
      'true',
      '[1]',
      '{}',
      '""',
    ])('may not be %s', (json) => {
      expect(outcome(withTime(json))).toBe(INVALID)
    })
  })

  it('refuses a badge that ends when it begins', () => {
    expect(outcomeOf(world.payload({ exp: NOW }))).toBe(INVALID)
    expect(outcomeOf(world.payload({ exp: NOW + 1 }))).toHaveProperty('returned')
  })

  it.each([
    ['a text', AUDIENCE],
    ['null', null],
    ['an object', { 0: AUDIENCE }],
    ['a list with a number', [AUDIENCE, 1]],
    ['a list with null', [null]],
    ['a nested list', [[AUDIENCE]]],
  ])('refuses %s as aud', (_, aud) => {
    expect(outcomeOf(world.payload({ aud }))).toBe(INVALID)
  })

  it('reads an aud of 128 entries, each of 2048 characters, and nothing larger', () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => `urn:${index}`)
    expect(parsed(world.payload({ aud: many(128) })).audience).toHaveLength(128)
    expect(outcomeOf(world.payload({ aud: many(129) }))).toBe(INVALID)
    expect(outcomeOf(world.payload({ aud: ['a'.repeat(2048)] }))).toHaveProperty('returned')
    expect(outcomeOf(world.payload({ aud: ['a'.repeat(2049)] }))).toBe(INVALID)
  })

  it('leaves an empty aud to the audience check', () => {
    expect(parsed(world.payload({ aud: [] })).audience).toEqual([])
  })
})

describe('step 3c: level and types', () => {
  it.each(['1', '2', '3', '4'])('reads level %s', (level) => {
    expect(parsed(world.payload({ vc: vcOf(level, { domain: 'a.example' }) })).level).toBe(Number(level))
  })

  it.each(['5', '-1', '', '02', ' 2', '2 ', '2.0', 2, null, undefined, true, ['2']])('refuses level %j', (level) => {
    expect(outcomeOf(world.payload({ vc: vcOf(level, { domain: 'a.example' }) }))).toBe(INVALID)
  })

  it.each([
    ['without a subject', { credentialSubject: undefined }],
    ['with a list for a subject', { credentialSubject: [] }],
    ['with a null subject', { credentialSubject: null }],
    ['without type', { type: undefined }],
    ['with a null type', { type: null }],
    ['with a text for a type', { type: 'VerifiableCredential AgentIdentity' }],
    ['with an empty type', { type: [] }],
    ['with only the one type', { type: ['VerifiableCredential'] }],
    ['with only the other type', { type: ['AgentIdentity'] }],
    ['with a type in lower case', { type: ['verifiablecredential', 'AgentIdentity'] }],
  ])('refuses a credential %s', (_, change) => {
    expect(outcomeOf(world.payload({ vc: { ...vcOf('2', { domain: 'a.example' }), ...change } }))).toBe(INVALID)
  })

  it('accepts further types and unknown members', () => {
    const vc = {
      ...vcOf('2', { domain: 'a.example', issuance_profile: 'registered', x: 1 }),
      type: ['AgentIdentity', 'X', 'VerifiableCredential'],
      x: 1,
    }
    expect(parsed(world.payload({ vc })).level).toBe(2)
  })

  it('accepts a missing type at level 0 only, and never a wrong one', () => {
    const vc = (change: Payload) => ({ vc: { ...vcOf('0'), ...change } })
    expect(outcome(world.selfSigned(vc({ type: undefined })))).toHaveProperty('returned')
    expect(outcome(world.selfSigned(vc({ type: null })))).toBe(INVALID)
    expect(outcome(world.selfSigned(vc({ type: ['VerifiableCredential'] })))).toBe(INVALID)
  })
})

describe('steps 3d to 3g: identity assurance', () => {
  it.each(['2', '', '00', ' 1', 1, true])('refuses ial %j', (ial) => {
    expect(outcomeOf(world.confirmedPayload({ ial }))).toBe(INVALID)
  })

  it('reads ial 1 with the confirmed key', () => {
    expect(parsed(world.confirmedPayload())).toMatchObject({ ial: 1, confirmedKeyId: `${SUBJECT}#key-1` })
  })

  it.each([
    ['no cnf', undefined],
    ['a null cnf', null],
    ['an empty cnf', {}],
    ['a cnf with a thumbprint', { jkt: 'x' }],
    ['a cnf with a kid that is a number', { kid: 1 }],
    ['a cnf in a list', [{ kid: `${SUBJECT}#key-1` }]],
    ['a text', `${SUBJECT}#key-1`],
  ])('refuses ial 1 with %s', (_, cnf) => {
    expect(outcomeOf(world.confirmedPayload({ cnf }))).toBe(INVALID)
  })

  it.each([`${SUBJECT}#k`, `${SUBJECT}#a!~:/@`])('accepts cnf.kid %j', (kid) => {
    expect(outcomeOf(world.confirmedPayload({ cnf: { kid } }))).toHaveProperty('returned')
  })

  it.each([
    '',
    'key-1',
    '#key-1',
    SUBJECT,
    `${SUBJECT}#`,
    `${SUBJECT}?x#key-1`,
    `${SUBJECT}#key-1?x`,
    `${SUBJECT}#key-1#key-2`,
    `${SUBJECT}##a`,
    `${SUBJECT}#?a`,
    `${SUBJECT}# a`,
    `${SUBJECT}#key 1`,
    `${SUBJECT}#key\n`,
    `${SUBJECT}#é`,
    `${SUBJECT}/x#key-1`,
    `${SUBJECT}2#key-1`,
    `did:web:evil.example#key-1`,
    ` ${SUBJECT}#key-1`,
  ])('refuses cnf.kid %j', (kid) => {
    expect(outcomeOf(world.confirmedPayload({ cnf: { kid } }))).toBe(INVALID)
  })

  it.each([
    ['a cnf', { kid: `${SUBJECT}#key-1` }],
    ['a null cnf', null],
    ['an empty cnf', {}],
    ['a false cnf', false],
  ])('refuses ial 0 with %s', (_, cnf) => {
    expect(outcomeOf(world.payload({ cnf }))).toBe(INVALID)
  })

  it('reads a cnf.kid whose fragment has 256 characters and no longer one', () => {
    const named = (length: number) =>
      outcomeOf(world.confirmedPayload({ cnf: { kid: `${SUBJECT}#${'k'.repeat(length)}` } }))
    expect(named(256)).toHaveProperty('returned')
    expect(named(257)).toBe(INVALID)
  })

  it('refuses cnf.jwk unless it equals key', () => {
    const withJwk = (jwk: unknown) => outcomeOf(world.confirmedPayload({ cnf: { kid: `${SUBJECT}#key-1`, jwk } }))
    expect(withJwk(key)).toHaveProperty('returned')
    for (const jwk of [ca.jwk, null, {}, { ...key, d: 'x' }]) expect(withJwk(jwk)).toBe(INVALID)
  })

  it('refuses ial 1 at level 0', () => {
    const cnf = { kid: `${agentDidKey}#${agentDidKey.slice(8)}` }
    expect(outcome(world.selfSigned({ ial: '1', cnf }))).toBe(INVALID)
    expect(outcomeOf(world.payload({ sub: agentDidKey, ial: '1', cnf }))).toHaveProperty('returned')
  })
})

describe('step 3h: the key of the subject', () => {
  it.each([
    ['of another type', { kty: 'EC', crv: 'P-256', x: key.x, y: key.x }],
    ['of X25519', { ...key, crv: 'X25519' }],
    ['with its private half', { ...key, d: key.x }],
    ['one byte short', { ...key, x: 'AAAA' }],
    ['for encryption', { ...key, use: 'enc' }],
  ])('refuses a key %s', (_, jwk) => {
    expect(outcomeOf(world.payload({ key: jwk }))).toBe(INVALID)
    expect(outcomeOf(world.payload({ key: jwk }), false)).toBe(INVALID)
  })

  it.each(WEAK_KEYS)('refuses the weak key %s', (hex) => {
    expect(outcomeOf(world.payload({ key: { ...key, x: Buffer.from(hex, 'hex').toString('base64url') } }))).toBe(
      INVALID,
    )
  })

  it('may be missing only where that is asked for, and never at ial 1', () => {
    const missing = { key: undefined }
    expect(outcomeOf(world.payload(missing), true)).toBe(INVALID)
    expect(outcomeOf(world.payload(missing), false)).toMatchObject({ returned: { subjectKey: undefined } })
    expect(outcomeOf(world.confirmedPayload(missing), false)).toBe(INVALID)
    expect(outcome(world.selfSigned(missing), false)).toHaveProperty('returned')
  })
})

describe('step 3i: subject and issuer', () => {
  it.each([
    'did:web:example.com',
    'did:web:registry.example.com:servers:1',
    'did:web:localhost%3A8080:a',
    'did:example:anything',
    agentDidKey,
  ])('accepts the subject %s', (sub) => {
    expect(parsed(world.payload({ sub })).subject).toBe(sub)
  })

  it.each([
    'agent-1',
    'did:web',
    'did:web:127.0.0.1:a',
    'did:web:example.com:..',
    'did:web:intranet',
    `${SUBJECT}#key-1`,
    'did:key:z6Mk',
    `did:key:z${agentDidKey.slice(9)}1`,
    `did:web:example.com:${'a'.repeat(2048)}`,
    '__proto__',
  ])('refuses the subject %j', (sub) => {
    expect(outcomeOf(world.payload({ sub }))).toBe(INVALID)
  })

  it.each(WEAK_KEYS)('refuses the subject with the weak key %s', (hex) => {
    expect(outcomeOf(world.payload({ sub: toDidKey(fromHex(hex)) }))).toBe(INVALID)
  })

  it('strips one final slash of the issuer', () => {
    expect(parsed(world.payload({ iss: `${ISSUER}/` })).issuer).toBe(ISSUER)
  })

  it.each([
    'http://registry.example.com',
    'registry.example.com',
    `${ISSUER}/v1`,
    `${ISSUER}//`,
    `${ISSUER}?x`,
    `${ISSUER}#x`,
    'https://user@registry.example.com',
    'https://',
    'did:web:registry.example.com',
    'did:example:registry',
    agentDidKey,
  ])('refuses the issuer %j from level 1 on', (iss) => {
    expect(outcomeOf(world.payload({ iss, vc: vcOf('1') }))).toBe(INVALID)
  })

  it('refuses the subject itself as issuer from level 1 on', () => {
    expect(outcome(world.selfSigned({ vc: vcOf('1') }))).toBe(INVALID)
    expect(outcome(world.selfSigned())).toHaveProperty('returned')
  })

  it.each([
    ['an HTTPS issuer', { iss: ISSUER }],
    ['a did:web for issuer and subject', { iss: SUBJECT, sub: SUBJECT }],
    ['another issuer than its subject', { sub: SUBJECT }],
    ['another did:key than its subject', { iss: toDidKey(ca.publicKey) }],
    ['another key than its did:key', { key: { kty: 'OKP', crv: 'Ed25519', x: ca.jwk.x } }],
  ])('refuses level 0 with %s', (_, change) => {
    expect(outcome(world.selfSigned(change))).toBe(INVALID)
  })

  it.each(WEAK_KEYS)('refuses level 0 of the weak key %s', (hex) => {
    const did = toDidKey(fromHex(hex))
    expect(outcome(world.selfSigned({ iss: did, sub: did }), false)).toBe(INVALID)
  })

  it.each(['2', '3', '4'])('refuses level %s without a domain', (level) => {
    for (const domain of [undefined, '', null, 7, ['a.example']]) {
      expect(outcomeOf(world.payload({ vc: vcOf(level, { domain }) }))).toBe(INVALID)
    }
    expect(outcomeOf(world.payload({ vc: vcOf(level, { domain: 'a.example' }) }))).toHaveProperty('returned')
  })

  it('reads a domain of 253 characters and no longer one', () => {
    const named = (length: number) => outcomeOf(world.payload({ vc: vcOf('2', { domain: 'd'.repeat(length) }) }))
    expect(named(253)).toHaveProperty('returned')
    expect(named(254)).toBe(INVALID)
  })

  it('refuses a domain that is no text below level 2 too', () => {
    expect(outcomeOf(world.payload({ vc: vcOf('1', { domain: 7 }) }))).toBe(INVALID)
    expect(outcomeOf(world.payload({ vc: vcOf('1', { domain: 'a.example' }) }))).toHaveProperty('returned')
  })
})

describe('a refusal', () => {
  it('names the claim and the rule, and holds no part of the badge', () => {
    const token = ca.sign(HEADER, world.payload({ jti: 'secret-jti', key: { ...key, d: 'secret-d' } }))
    try {
      parseBadge(token, { requireKey: true })
      expect.unreachable()
    } catch (error) {
      expect((error as Error).message).toBe("The badge's claim jti must be a version 4 UUID.")
    }
    expect(() => parseBadge(world.badge({ key: { ...key, d: 'secret-d' } }), { requireKey: true })).toThrow(
      /^The badge's claim key is refused: The JWK holds a private key: replace the key/,
    )
  })
})
