import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { CallAbortedError } from '../../../sdk-browser/src/index.ts'
import {
  BadgeError,
  createVerifier,
  type Verifier,
  type VerifierOptions,
} from '../../../sdk-browser/src/verify/index.ts'
import {
  AUDIENCE,
  type BadgeWorld,
  createBadgeWorld,
  didDocument,
  ISSUER,
  JTI,
  NOW,
  SUBJECT,
  vcOf,
} from '../../fakes/badge-world.ts'
import { expectedOfPage, isForPages, judgeBadgeVector } from '../../tools/judge-badge-vector.ts'
import type { BadgeVectorFile } from '../../tools/make-badge-vectors.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'vectors', 'badges')

let world: BadgeWorld
let good: VerifierOptions

beforeEach(() => {
  world = createBadgeWorld()
  good = {
    issuers: { [ISSUER]: { keys: [world.ca.jwk] } },
    isRevoked: () => false,
    audience: AUDIENCE,
    nowMs: () => NOW * 1000,
  }
})

const verifierOf = (changes: VerifierOptions = {}): Verifier => createVerifier({ ...good, ...changes })
const codeOf = (verifying: Promise<unknown>): Promise<unknown> =>
  verifying.then(
    () => 'accepted',
    (error: unknown) => (error instanceof BadgeError ? error.code : error),
  )

describe.each([
  ['rfc-002.json', 16],
  ['further.json', 70],
])('the vectors of %s', (name, atLeast) => {
  const { setting, vectors } = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as BadgeVectorFile
  const cases = vectors.filter((vector) => isForPages({ ...setting, ...vector }))

  test('are nearly all for pages too', () => {
    expect(cases.length).toBeGreaterThanOrEqual(atLeast)
  })

  test.each(cases.map((vector) => [vector.id, vector.comment, vector] as const))(
    '%s (%s)',
    async (_id, _text, vector) => {
      const { outcome } = await judgeBadgeVector(createVerifier, { ...setting, ...vector }, vector.token)
      expect(outcome).toBe(expectedOfPage(vector))
    },
  )
})

describe('a badge that counts', () => {
  test('is told as what it says, frozen', async () => {
    const badge = await verifierOf().verifyBadge(world.badge())
    expect(badge).toEqual({
      jti: JTI,
      issuer: ISSUER,
      subject: SUBJECT,
      trustLevel: 2,
      ial: 0,
      audience: [AUDIENCE],
      issuedAtMs: NOW * 1000,
      expiresAtMs: (NOW + 300) * 1000,
      domain: 'agents.example.com',
      publicKey: world.agent.publicKey,
    })
    expect(Object.isFrozen(badge)).toBe(true)
  })

  test('counts by keys that come as text', async () => {
    const text = JSON.stringify({ keys: [world.ca.jwk] })
    expect(await codeOf(verifierOf({ issuers: { [ISSUER]: text } }).verifyBadge(world.badge()))).toBe('accepted')
  })

  test('may be self-signed by a key that was named, and by no other', async () => {
    const only = (did: string) => createVerifier({ levelZeroKeys: [did], nowMs: () => NOW * 1000 })
    expect(await only(world.agentDidKey).verifyBadge(world.selfSigned())).toMatchObject({ trustLevel: 0 })
    const other = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'
    expect(await codeOf(only(other).verifyBadge(world.selfSigned()))).toBe('BADGE_ISSUER_UNTRUSTED')
  })

  test('counts again from memory, and no longer when its time is over', async () => {
    let nowMs = NOW * 1000
    const verifier = verifierOf({ nowMs: () => nowMs })
    const token = world.badge()
    expect(await codeOf(verifier.verifyBadge(token))).toBe('accepted')
    expect(await codeOf(verifier.verifyBadge(token))).toBe('accepted')
    nowMs = (NOW + 360) * 1000
    expect(await codeOf(verifier.verifyBadge(token))).toBe('BADGE_EXPIRED')
  })
})

describe('a badge is refused', () => {
  test.each<[string, string, VerifierOptions]>([
    ['of an issuer that was not named', 'BADGE_ISSUER_UNTRUSTED', { issuers: {} }],
    ['for another audience', 'BADGE_AUDIENCE_MISMATCH', { audience: ['https://b.example.com'] }],
    ['for an audience, where this one has no name', 'BADGE_AUDIENCE_MISMATCH', { audience: undefined }],
    ['when its time is over', 'BADGE_EXPIRED', { nowMs: () => (NOW + 360) * 1000 }],
    ['before its time, by more than the clocks may differ', 'BADGE_NOT_YET_VALID', { nowMs: () => (NOW - 61) * 1000 }],
    [
      'a second before its time, where clocks may not differ',
      'BADGE_NOT_YET_VALID',
      { clockSkewMs: 0, nowMs: () => (NOW - 1) * 1000 },
    ],
    ['that was revoked', 'BADGE_REVOKED', { isRevoked: () => true }],
    ['when the answer is no answer', 'REVOCATION_CHECK_FAILED', { isRevoked: () => undefined as unknown as boolean }],
    ['when the answer only looks like false', 'REVOCATION_CHECK_FAILED', { isRevoked: () => 0 as unknown as boolean }],
  ])('%s', async (_, code, changes) => {
    expect(await codeOf(verifierOf(changes).verifyBadge(world.badge()))).toBe(code)
  })

  test('without an audience, where one is required', async () => {
    const forAll = world.badge({ aud: undefined })
    expect(await codeOf(verifierOf().verifyBadge(forAll))).toBe('accepted')
    expect(await codeOf(verifierOf({ requireAudience: true }).verifyBadge(forAll))).toBe('BADGE_AUDIENCE_MISMATCH')
    expect(await codeOf(verifierOf({ requireAudience: true }).verifyBadge(world.badge()))).toBe('accepted')
  })

  test('when nobody can say whether it was revoked, at every level, and may be shown again', async () => {
    const cause = new Error('offline')
    const isRevoked = vi.fn().mockRejectedValue(cause)
    const verifier = verifierOf({ isRevoked, levelZeroKeys: [world.agentDidKey] })
    for (const token of [world.badge(), world.selfSigned()]) {
      const refused = await verifier.verifyBadge(token).catch((error: unknown) => error)
      expect(refused).toMatchObject({
        name: 'BadgeError',
        code: 'REVOCATION_CHECK_FAILED',
        message: 'Whether the badge was revoked is not known now: isRevoked gave no answer. Try again later.',
        retryable: true,
      })
    }
    expect(isRevoked.mock.calls).toEqual([
      [{ issuer: ISSUER, jti: JTI, subject: SUBJECT, trustLevel: 2 }],
      [{ issuer: world.agentDidKey, jti: JTI, subject: world.agentDidKey, trustLevel: 0 }],
    ])
    isRevoked.mockResolvedValue(false)
    expect(await codeOf(verifier.verifyBadge(world.badge()))).toBe('accepted')
  })

  test('of an issuer under .invalid, unless this is development', async () => {
    const issuer = 'https://registry.capiscio.invalid'
    const token = world.badge({ iss: issuer })
    const issuers = { [issuer]: { keys: [world.ca.jwk] } }
    expect(await codeOf(verifierOf({ issuers }).verifyBadge(token))).toBe('BADGE_ISSUER_UNTRUSTED')
    expect(await codeOf(verifierOf({ issuers, development: true }).verifyBadge(token))).toBe('accepted')
  })

  test('without a word of it in the message', async () => {
    const token = `${world.badge().slice(0, -8)}AAAAAAAA`
    const refused = await verifierOf()
      .verifyBadge(token)
      .catch((error: Error) => error)
    expect(refused).toMatchObject({ code: 'BADGE_SIGNATURE_INVALID', retryable: false })
    for (const part of token.split('.')) expect(String(refused)).not.toContain(part)
  })
})

describe('a confirmed key of a did:web', () => {
  const confirmed = () => world.ca.sign({ alg: 'EdDSA', typ: 'JWT', kid: 'ca-1' }, world.confirmedPayload())

  test('is looked up once in five minutes, and counts when the document names it', async () => {
    const document = didDocument(SUBJECT, world.agentDidKey.slice('did:key:'.length))
    const resolveDid = vi.fn().mockResolvedValue(document)
    const verifier = verifierOf({ resolveDid })
    expect(await verifier.verifyBadge(confirmed())).toMatchObject({ ial: 1 })
    expect(await verifier.verifyBadge(confirmed())).toMatchObject({ ial: 1 })
    expect(resolveDid.mock.calls).toEqual([[SUBJECT]])
  })

  test('counts for nothing when nothing could look it up, which trying again does not help', async () => {
    const refused = await verifierOf()
      .verifyBadge(confirmed())
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({
      code: 'BADGE_CLAIMS_INVALID',
      retryable: false,
      message: expect.stringContaining('there is no resolveDid'),
    })
  })

  test.each<[string, VerifierOptions['resolveDid']]>([
    ['the document names another key', () => didDocument(SUBJECT, 'z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw')],
    ['there is no document', () => Promise.reject(new Error('404'))],
    ['the document is no text', (async () => ({ id: SUBJECT })) as unknown as VerifierOptions['resolveDid']],
    ['the document is no JSON', () => '<html>'],
  ])('counts for nothing when %s', async (_, resolveDid) => {
    expect(await codeOf(verifierOf({ resolveDid }).verifyBadge(confirmed()))).toBe('BADGE_CLAIMS_INVALID')
  })
})

/** Every option, so that none is forgotten. */
const VERIFIER_OPTIONS: Readonly<Required<VerifierOptions>> = {
  issuers: undefined,
  isRevoked: undefined,
  levelZeroKeys: undefined,
  audience: undefined,
  requireAudience: undefined,
  resolveDid: undefined,
  clockSkewMs: undefined,
  development: undefined,
  nowMs: undefined,
}

describe('what is not said by the options themselves', () => {
  test('decides nothing: inherited members', async () => {
    const evil = { 'https://evil.example.com': { keys: [world.ca.jwk] } }
    const inherited = Object.create({ issuers: evil, isRevoked: () => false, development: true }) as VerifierOptions
    const token = world.badge({ iss: 'https://evil.example.com', aud: undefined })
    expect(await codeOf(createVerifier(inherited).verifyBadge(token))).toBe('BADGE_ISSUER_UNTRUSTED')
    const { isRevoked, ...rest } = good
    expect(() => createVerifier(Object.setPrototypeOf({ ...rest }, { isRevoked }))).toThrow('isRevoked is required')
  })

  test('decides nothing: the second answer of a getter', async () => {
    let reads = 0
    const get = () => (reads++ === 0 ? {} : { [ISSUER]: { keys: [world.ca.jwk] } })
    const changing: VerifierOptions = Object.defineProperty({ ...good }, 'issuers', { get, enumerable: true })
    expect(await codeOf(createVerifier(changing).verifyBadge(world.badge()))).toBe('BADGE_ISSUER_UNTRUSTED')
    expect(reads).toBe(1)
  })
})

describe('wrong use', () => {
  test.each<[string, object, string]>([
    ['an unknown option', { issuer: {} }, 'unknown member "issuer"'],
    ['issuers without isRevoked', { isRevoked: undefined }, 'isRevoked is required'],
    ['an issuer over http', { issuers: { 'http://registry.example.com': {} } }, 'An issuer is an HTTPS origin'],
    [
      'an issuer in other letters',
      { issuers: { 'https://Registry.example.com': {} } },
      'write https://registry.example.com',
    ],
    ['keys without one that can be used', { issuers: { [ISSUER]: { keys: [] } } }, 'no Ed25519 key'],
    ['keys that make themselves nothing', { issuers: { [ISSUER]: { toJSON: () => undefined } } }, 'must be a JWKS'],
    ['a required audience without names', { audience: undefined, requireAudience: true }, 'names are your own'],
    ['clocks that may differ by more than five minutes', { clockSkewMs: 300_001 }, 'at most 300000'],
    ['a hole in a list', { levelZeroKeys: new Array(1) }, 'levelZeroKeys must be a list'],
    ['a list of issuers', { issuers: [ISSUER] }, 'issuers must be an object'],
    ['a map of issuers', { issuers: new Map([[ISSUER, {}]]) }, 'issuers must be an object'],
    ['no issuers at all', { issuers: null }, 'issuers must be an object'],
    ['keys that are none', { issuers: { [ISSUER]: 7 } }, 'must be a JWKS'],
    ['keys that are no JSON', { issuers: { [ISSUER]: 'x' } }, 'are refused'],
    ['a level 0 key that is no did:key', { levelZeroKeys: ['did:web:a.example'] }, 'did:key'],
    ['level 0 keys that are no list', { levelZeroKeys: 'did:key:z6Mk' }, 'levelZeroKeys must be a list'],
    ['an empty audience', { audience: '' }, 'audience must be a list'],
    ['a flag that is none', { requireAudience: 'yes' }, 'requireAudience must be true or false'],
    ['another flag that is none', { development: 1 }, 'development must be true or false'],
    ['isRevoked that is no function', { isRevoked: false }, 'isRevoked must be a function'],
    ['resolveDid that is no function', { resolveDid: {} }, 'resolveDid must be a function'],
    ['a clock that is none', { nowMs: NOW }, 'nowMs must be a function'],
    ['a skew that is no whole number', { clockSkewMs: -1 }, 'clockSkewMs must be a whole number'],
  ])('is a TypeError: %s', (_, changes, message) => {
    expect(() => verifierOf(changes as VerifierOptions)).toThrow(TypeError)
    expect(() => verifierOf(changes as VerifierOptions)).toThrow(message)
  })

  test.each(Object.keys(VERIFIER_OPTIONS))('is a TypeError: null for %s', (name) => {
    expect(() => verifierOf({ [name]: null })).toThrow(TypeError)
  })

  test('is a TypeError: one issuer in two spellings, or one with a password, which is not told', () => {
    const keys = { keys: [world.ca.jwk] }
    expect(() => verifierOf({ issuers: { [ISSUER]: keys, [`${ISSUER}/`]: keys } })).toThrow('is there twice')
    const secret = 'https://user:canary@registry.example.com'
    expect(() => verifierOf({ issuers: { [secret]: keys } })).toThrow(TypeError)
    expect(() => verifierOf({ issuers: { [secret]: keys } })).not.toThrow('canary')
  })

  test.each([
    ['a text', () => String(NOW * 1000)],
    ['a bigint', () => BigInt(NOW) * 1000n],
    ['no number', () => Number.NaN],
    ['a promise', async () => NOW * 1000],
  ])('is a TypeError: a clock that gives %s', async (_, nowMs) => {
    const verifier = verifierOf({ nowMs: nowMs as () => number })
    await expect(verifier.verifyBadge(world.badge())).rejects.toThrow('nowMs must give the milliseconds')
  })

  test('is a TypeError: a badge that is no text, an unknown option, a signal that is none', async () => {
    const verifier = verifierOf()
    await expect(verifier.verifyBadge(undefined as unknown as string)).rejects.toThrow('A badge is a text')
    await expect(verifier.verifyBadge('', { timeoutMs: 1 } as object)).rejects.toThrow('unknown member "timeoutMs"')
    await expect(verifier.verifyBadge('', { signal: 1 as unknown as AbortSignal })).rejects.toThrow('AbortSignal')
  })

  test('changes nothing: options and badges are copies', async () => {
    const keys: Record<string, object> = { [ISSUER]: { keys: [world.ca.jwk] } }
    const audience = [AUDIENCE]
    const verifier = verifierOf({ issuers: keys, audience })
    keys['https://evil.example.com'] = { keys: [world.ca.jwk] }
    audience[0] = 'https://b.example.com'
    expect(await codeOf(verifier.verifyBadge(world.badge()))).toBe('accepted')
    expect(await codeOf(verifier.verifyBadge(world.badge({ iss: 'https://evil.example.com' })))).toBe(
      'BADGE_ISSUER_UNTRUSTED',
    )
    const { publicKey } = await verifier.verifyBadge(world.badge())
    publicKey.fill(0)
    expect((await verifier.verifyBadge(world.badge())).publicKey).toEqual(world.agent.publicKey)
  })
})

test('a signal gives up what waits for an answer', async () => {
  const never = new Promise<boolean>(() => undefined)
  const controller = new AbortController()
  const verifying = verifierOf({ isRevoked: () => never }).verifyBadge(world.badge(), { signal: controller.signal })
  controller.abort()
  await expect(verifying).rejects.toBeInstanceOf(CallAbortedError)
  const isRevoked = vi.fn()
  const aborted = verifierOf({ isRevoked }).verifyBadge(world.badge(), { signal: AbortSignal.abort() })
  await expect(aborted).rejects.toMatchObject({ code: 'CALL_ABORTED' })
  expect(isRevoked).not.toHaveBeenCalled()
})

test('levels above 2 need nothing else', async () => {
  for (const level of [1, 2, 3, 4] as const) {
    const token = world.badge({ vc: vcOf(String(level), { domain: 'agents.example.com' }) })
    expect(await verifierOf().verifyBadge(token)).toMatchObject({ trustLevel: level })
  }
})
