import { BadgeService, TrustLevel, VerifyMode } from '@capiscio/proto/v1'
import { beforeEach, describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { createNodeEs256Verifier } from '../../../../core/src/adapters/crypto/node-es256.ts'
import { systemRandom } from '../../../../core/src/adapters/crypto/system-random.ts'
import { toDidKey } from '../../../../core/src/domain/did/did-key.ts'
import { toPrivateJwk, toPublicJwk } from '../../../../core/src/domain/did/key-jwk.ts'
import { createIssuerKeySets } from '../../../../core/src/domain/trust/issuer-key-sets.ts'
import { createTrustedIssuers, type TrustConfiguration } from '../../../../core/src/domain/trust/trusted-issuers.ts'
import { createRegistryClients } from '../../../../core/src/service/registry-clients.ts'
import { type BadgeServiceOptions, createBadgeService } from '../../../../core/src/service/v1/badge-service.ts'
import {
  type BadgeWorld,
  createBadgeWorld,
  ISSUER,
  JTI,
  NOW,
  RULES,
  SUBJECT,
  vcOf,
} from '../../../fakes/badge-world.ts'
import { createFakeEs256Issuer } from '../../../fakes/es256-issuer.ts'
import { createManualTimer } from '../../../fakes/manual-timer.ts'
import { createMemoryWeb } from '../../../fakes/memory-web.ts'
import { callUnary } from '../../../tools/call-unary.ts'
import { sampleKey } from '../../../tools/sample-keys.ts'

const { verifyBadge, verifyBadgeWithOptions, parseBadge, signBadge } = BadgeService.method
const AUDIENCE = 'https://api.example.com'

let world: BadgeWorld

beforeEach(() => {
  world = createBadgeWorld()
})

interface Around extends Partial<BadgeServiceOptions> {
  readonly trusted?: Partial<TrustConfiguration>
  readonly own?: readonly string[]
}

function service({ trusted = {}, own = [AUDIENCE], ...options }: Around = {}) {
  const issuers = createTrustedIssuers({ issuers: [ISSUER], levelZeroKeys: [], acceptLevelZero: false, ...trusted })
  return createBadgeService({
    sources: world.sources(),
    rules: RULES,
    trust: () => ({ issuers, audience: { own, required: false } }),
    permitsLeniency: false,
    acceptsLevelZero: trusted.acceptLevelZero === true,
    isOnline: true,
    nowMs: world.clock.nowMs,
    random: systemRandom,
    createSigner: createNodeEd25519Signer,
    registries: createRegistryClients({
      registries: [],
      http: createMemoryWeb(),
      clock: world.clock,
      random: systemRandom,
    }),
    ...{ clock: world.clock, timer: createManualTimer(), jitter: () => 0 },
    ...options,
  })
}

const GOLDEN_X = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'

describe('VerifyBadge', () => {
  const verify = (token: string, around?: Around, publicKeyJwk = '') =>
    callUnary(service(around), verifyBadge, { token, publicKeyJwk })

  it('tells what a good badge says', async () => {
    expect(await verify(world.badge())).toMatchObject({
      valid: true,
      errorCode: '',
      errorMessage: '',
      modeUsed: VerifyMode.ONLINE,
      warnings: [],
      claims: {
        jti: JTI,
        iss: ISSUER,
        sub: SUBJECT,
        iat: BigInt(NOW),
        exp: BigInt(NOW + 300),
        nbf: 0n,
        aud: [AUDIENCE],
        trustLevel: TrustLevel.DV,
        domain: 'agents.example.com',
      },
    })
  })

  it.each([
    ['1', TrustLevel.UNSPECIFIED],
    ['2', TrustLevel.DV],
    ['3', TrustLevel.OV],
    ['4', TrustLevel.EV],
  ])('names level %s, and shifts nothing', async (level, trustLevel) => {
    const { claims } = await verify(world.badge({ vc: vcOf(level, { domain: 'a.example' }) }))
    expect(claims?.trustLevel).toBe(trustLevel)
  })

  it('names level 0 self-signed, where the core trusts its key', async () => {
    const trusted = { levelZeroKeys: [world.agentDidKey] }
    expect(await verify(world.selfSigned(), { trusted })).toMatchObject({
      valid: true,
      claims: { trustLevel: TrustLevel.SELF_SIGNED, iss: world.agentDidKey },
    })
    expect(await verify(world.selfSigned())).toMatchObject({ valid: false, errorCode: 'BADGE_ISSUER_UNTRUSTED' })
  })

  it.each<[string, () => string, string]>([
    ['no badge', () => 'nonsense', 'BADGE_MALFORMED'],
    ['nothing', () => '', 'BADGE_MALFORMED'],
    ['a badge of 17 000 characters', () => 'x'.repeat(17_000), 'BADGE_MALFORMED'],
    ['a handshake proof', () => world.badge({}, { typ: 'pop+jws' }), 'BADGE_MALFORMED'],
    ['a single audience', () => world.badge({ aud: AUDIENCE }), 'BADGE_CLAIMS_INVALID'],
    ['no key', () => world.badge({ key: undefined }), 'BADGE_CLAIMS_INVALID'],
    ['a stranger', () => world.badge({ iss: 'https://evil.example' }), 'BADGE_ISSUER_UNTRUSTED'],
    [
      'another signature',
      () => world.agent.sign({ alg: 'EdDSA', typ: 'JWT', kid: 'ca-1' }, world.payload()),
      'BADGE_SIGNATURE_INVALID',
    ],
    ['an old badge', () => world.badge({ iat: NOW - 900, exp: NOW - 600 }), 'BADGE_EXPIRED'],
    ['a badge from the future', () => world.badge({ iat: NOW + 100 }), 'BADGE_NOT_YET_VALID'],
    ['another audience', () => world.badge({ aud: ['https://other.example'] }), 'BADGE_AUDIENCE_MISMATCH'],
  ])('refuses %s, and tells nothing that it says', async (_what, token, errorCode) => {
    const answer = await verify(token())
    expect(answer).toMatchObject({ valid: false, errorCode })
    expect(answer.claims).toBeUndefined()
    expect(answer.errorMessage).not.toBe('')
    expect(answer.errorMessage).not.toContain('eyJ')
  })

  it.each([
    ['BADGE_REVOKED', () => world.status.revoked.add(JTI)],
    ['BADGE_AGENT_DISABLED', () => world.status.disabled.add(SUBJECT)],
    ['REVOCATION_CHECK_FAILED', () => world.status.unanswerable.add('isRevoked')],
  ])('asks about the standing: %s', async (errorCode, change) => {
    change()
    expect(await verify(world.badge())).toMatchObject({ valid: false, errorCode })
  })

  it('says when it asks nobody', async () => {
    expect((await verify(world.badge(), { isOnline: false })).modeUsed).toBe(VerifyMode.OFFLINE)
  })

  describe('with a key of the caller', () => {
    it('demands that this key signed the badge', async () => {
      expect(await verify(world.badge(), {}, JSON.stringify(world.ca.jwk))).toMatchObject({ valid: true })
      expect(await verify(world.badge(), {}, JSON.stringify(world.agent.jwk))).toMatchObject({
        valid: false,
        errorCode: 'BADGE_SIGNATURE_INVALID',
      })
    })

    it('believes nobody because of it', async () => {
      const forged = world.agent.sign({ alg: 'EdDSA', typ: 'JWT', kid: 'ca-1' }, world.payload())
      const stranger = world.agent.sign({ alg: 'EdDSA', typ: 'JWT' }, world.payload({ iss: 'https://evil.example' }))
      const key = JSON.stringify(world.agent.jwk)
      expect(await verify(forged, {}, key)).toMatchObject({ errorCode: 'BADGE_SIGNATURE_INVALID' })
      expect(await verify(stranger, {}, key)).toMatchObject({ errorCode: 'BADGE_ISSUER_UNTRUSTED' })
      expect(await verify(world.selfSigned(), {}, key)).toMatchObject({ errorCode: 'BADGE_ISSUER_UNTRUSTED' })
    })

    it('takes no badge under another kind of key for signed by it', async () => {
      const ca = createFakeEs256Issuer('ca-es', 7n)
      world.issuerKeys.publish(ISSUER, [ca.jwk])
      const sources = {
        ...world.sources(),
        es256: createNodeEs256Verifier({ maxKeys: 1 }),
        issuerKeys: createIssuerKeySets(world.issuerKeys, { allowEs256: true }),
      }
      const around = { sources, rules: { ...RULES, allowEs256: true } }
      const badge = ca.sign({ alg: 'ES256', typ: 'JWT', kid: 'ca-es' }, world.payload())
      expect(await verify(badge, around)).toMatchObject({ valid: true })
      expect(await verify(badge, around, JSON.stringify(world.ca.jwk))).toMatchObject({
        errorCode: 'BADGE_SIGNATURE_INVALID',
      })
    })

    it.each([
      ['{', 'KEY_MALFORMED'],
      ['[]', 'KEY_MALFORMED'],
      ['{"kty":"RSA"}', 'KEY_MALFORMED'],
      [`{"kty":"OKP","crv":"Ed25519","x":"${'A'.repeat(43)}"}`, 'KEY_WEAK'],
      [`{"kty":"OKP","crv":"Ed25519","x":"${GOLDEN_X}","d":"AAAA"}`, 'KEY_PRIVATE'],
    ])('refuses the key %s', async (key, errorCode) => {
      expect(await verify(world.badge(), {}, key)).toMatchObject({ valid: false, errorCode })
    })
  })

  it('passes on faults', async () => {
    const status = {
      isRevoked: () => Promise.reject(new Error('bug')),
      isAgentActive: () => Promise.reject(new Error('bug')),
    }
    await expect(verify(world.badge(), { sources: { ...world.sources(), status } })).rejects.toThrow('bug')
  })
})

describe('VerifyBadgeWithOptions', () => {
  type Options = NonNullable<Parameters<typeof callUnary<typeof verifyBadgeWithOptions>>[2]['options']>
  const verify = (token: string, options: Options | undefined, around?: Around) =>
    callUnary(service(around), verifyBadgeWithOptions, { token, ...(options && { options }) })

  it('is as strict as the core where nothing is asked for', async () => {
    for (const options of [undefined, {}])
      expect(await verify(world.badge(), options)).toMatchObject({ valid: true, warnings: [] })
  })

  it('only narrows whom the core trusts', async () => {
    expect(await verify(world.badge(), { trustedIssuers: [ISSUER] })).toMatchObject({ valid: true })
    expect(await verify(world.badge(), { trustedIssuers: ['did:web:registry.example.com'] })).toMatchObject({
      valid: true,
    })
    expect(await verify(world.badge(), { trustedIssuers: ['https://other.example'] })).toMatchObject({
      errorCode: 'BADGE_ISSUER_UNTRUSTED',
    })
    const stranger = world.badge({ iss: 'https://evil.example' })
    expect(await verify(stranger, { trustedIssuers: ['https://evil.example'] })).toMatchObject({
      errorCode: 'BADGE_ISSUER_UNTRUSTED',
    })
  })

  it.each<[string, readonly string[], string, string]>([
    ['the only name there is', [], 'https://me.example', 'https://me.example'],
    ['one of its own names', [AUDIENCE, 'urn:me'], 'urn:me', 'urn:me'],
  ])('takes %s as audience', async (_what, own, audience, named) => {
    expect(await verify(world.badge({ aud: [named] }), { audience }, { own })).toMatchObject({ valid: true })
    expect(await verify(world.badge({ aud: undefined }), { audience }, { own })).toMatchObject({ valid: true })
    expect(await verify(world.badge({ aud: ['urn:else'] }), { audience }, { own })).toMatchObject({
      errorCode: 'BADGE_AUDIENCE_MISMATCH',
    })
    if (own.length > 0) {
      expect(await verify(world.badge(), { audience }, { own })).toMatchObject({ errorCode: 'BADGE_AUDIENCE_MISMATCH' })
    }
  })

  it('wants the core named too where the caller asks as somebody else', async () => {
    const audience = 'https://me.example'
    expect(await verify(world.badge({ aud: [audience] }), { audience })).toMatchObject({
      errorCode: 'BADGE_AUDIENCE_MISMATCH',
    })
    expect(await verify(world.badge({ aud: [audience, AUDIENCE] }), { audience })).toMatchObject({ valid: true })
    expect(await verify(world.badge(), { audience })).toMatchObject({ errorCode: 'BADGE_AUDIENCE_MISMATCH' })
  })

  it('tolerates less than the core when asked to, and never more', async () => {
    const late = world.badge({ iat: NOW - 400, exp: NOW - 30 })
    expect(await verify(late, {})).toMatchObject({ valid: true })
    expect(await verify(late, { clockToleranceSeconds: 29n })).toMatchObject({
      errorCode: 'BADGE_EXPIRED',
      warnings: [],
    })
    expect(await verify(late, { clockToleranceSeconds: 31n })).toMatchObject({ valid: true, warnings: [] })
    const later = world.badge({ iat: NOW - 400, exp: NOW - 61 })
    expect(await verify(later, { clockToleranceSeconds: 3600n })).toMatchObject({
      errorCode: 'BADGE_EXPIRED',
      warnings: ['clock_tolerance_seconds is ignored: at most 60 are tolerated'],
    })
    expect(await verify(late, { clockToleranceSeconds: 60n })).toMatchObject({ valid: true, warnings: [] })
  })

  it.each([
    ['tolerance', { clockToleranceSeconds: -1n }],
    ['staleness', { staleThresholdSeconds: -1n }],
  ])('refuses a negative %s', async (_what, options) => {
    expect(await verify(world.badge(), options)).toMatchObject({ valid: false, errorCode: 'OPTIONS_INVALID' })
  })

  const LENIENT = { skipRevocation: true, skipAgentStatus: true, failOpen: true }

  it('skips nothing in production, and says so', async () => {
    world.status.revoked.add(JTI)
    const answer = await verify(world.badge(), LENIENT)
    expect(answer).toMatchObject({ valid: false, errorCode: 'BADGE_REVOKED' })
    expect(answer.warnings.map((warning) => warning.split(' ')[0])).toEqual([
      'skip_revocation',
      'skip_agent_status',
      'fail_open',
    ])
    world.status.revoked.clear()
    world.status.unanswerable.add('isAgentActive')
    expect(await verify(world.badge(), LENIENT)).toMatchObject({ errorCode: 'REVOCATION_CHECK_FAILED' })
  })

  it('skips in development what it is asked to skip, and warns', async () => {
    world.status.revoked.add(JTI)
    world.status.disabled.add(SUBJECT)
    const dev = { permitsLeniency: true }
    const both = { skipRevocation: true, skipAgentStatus: true }
    const answer = await verify(world.badge(), both, dev)
    expect([answer.valid, answer.warnings]).toEqual([true, [expect.any(String), expect.any(String)]])
    expect(await verify(world.badge(), { skipRevocation: true }, dev)).toMatchObject({
      errorCode: 'BADGE_AGENT_DISABLED',
    })
    expect(await verify(world.badge(), { skipAgentStatus: true }, dev)).toMatchObject({ errorCode: 'BADGE_REVOKED' })
    expect(await verify(world.badge(), { failOpen: true }, dev)).toMatchObject({ errorCode: 'BADGE_REVOKED' })
    expect(await verify(world.badge(), {}, dev)).toMatchObject({ errorCode: 'BADGE_REVOKED' })
  })

  it('says what it took for granted in development', async () => {
    world.status.unanswerable.add('isRevoked')
    const { valid, warnings } = await verify(world.badge(), { failOpen: true }, { permitsLeniency: true })
    expect([valid, warnings]).toEqual([true, [expect.stringContaining('taken for granted'), 'STATUS_FAIL_OPEN']])
  })

  it('accepts self-signed badges where core and caller both do', async () => {
    const badge = world.selfSigned()
    const every = { trusted: { acceptLevelZero: true } }
    const listed = { trusted: { levelZeroKeys: [world.agentDidKey] } }
    expect(await verify(badge, { acceptSelfSigned: true }, every)).toMatchObject({ valid: true, warnings: [] })
    expect(await verify(badge, { acceptSelfSigned: true }, listed)).toMatchObject({ valid: true })
    expect(await verify(badge, { trustedIssuers: [world.agentDidKey] }, listed)).toMatchObject({ valid: true })
    expect(await verify(badge, {}, every)).toMatchObject({ errorCode: 'BADGE_ISSUER_UNTRUSTED' })
    expect(await verify(badge, { acceptSelfSigned: true })).toMatchObject({
      errorCode: 'BADGE_ISSUER_UNTRUSTED',
      warnings: [expect.stringMatching(/^accept_self_signed is ignored/)],
    })
  })

  it.each([
    ['mode', { mode: VerifyMode.OFFLINE }],
    ['mode', { mode: VerifyMode.HYBRID }],
    ['registry_url', { registryUrl: 'https://evil.example' }],
    ['stale_threshold_seconds', { staleThresholdSeconds: 10n }],
  ])('says that it does not follow %s', async (name, options) => {
    const { valid, warnings } = await verify(world.badge(), options)
    expect([valid, warnings]).toEqual([true, [expect.stringMatching(new RegExp(`^${name} is ignored: `))]])
  })

  it('has nothing to say about the mode that it uses', async () => {
    expect((await verify(world.badge(), { mode: VerifyMode.ONLINE })).warnings).toEqual([])
  })
})

describe('ParseBadge', () => {
  const parse = (token: string) => callUnary(service(), parseBadge, { token })

  it('tells what a badge says, whoever wrote it', async () => {
    const forged = world.agent.sign(
      { alg: 'EdDSA', typ: 'JWT' },
      world.payload({ iss: 'https://evil.example', nbf: NOW }),
    )
    expect(await parse(forged)).toMatchObject({
      claims: { iss: 'https://evil.example', nbf: BigInt(NOW), trustLevel: TrustLevel.DV },
      errorMessage: '',
    })
  })

  it('says what is wrong with the rest', async () => {
    expect(await parse('x')).toMatchObject({ errorMessage: expect.stringMatching(/^BADGE_MALFORMED: /) })
    expect(await parse(world.badge({ ial: '7' }))).toMatchObject({
      errorMessage: expect.stringMatching(/^BADGE_CLAIMS_INVALID: /),
    })
  })
})

describe('SignBadge', () => {
  const seed = new Uint8Array(32).fill(5)
  const { publicKey } = createNodeEd25519Signer(seed)
  const did = toDidKey(publicKey)
  const privateKeyJwk = JSON.stringify(toPrivateJwk(publicKey, seed, 'mine'))
  const other = sampleKey(7).did

  type Claims = Parameters<typeof callUnary<typeof signBadge>>[2]['claims']
  const sign = (claims?: Claims, keyId = '', key = privateKeyJwk) =>
    callUnary(service(), signBadge, { privateKeyJwk: key, keyId, ...(claims && { claims }) })

  it('makes a badge of level 0 from a key alone, which verifies', async () => {
    const { token, claims } = await sign()
    expect(claims).toMatchObject({
      iss: did,
      sub: did,
      iat: BigInt(NOW),
      exp: BigInt(NOW + 300),
      trustLevel: TrustLevel.SELF_SIGNED,
      aud: [],
    })
    expect(claims?.jti).toMatch(/^[0-9a-f-]{36}$/)
    const around = { trusted: { levelZeroKeys: [did] } }
    expect(await callUnary(service(around), verifyBadge, { token })).toMatchObject({
      valid: true,
      claims: { jti: claims?.jti },
    })
    expect(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())).toEqual({
      alg: 'EdDSA',
      typ: 'JWT',
      kid: `${did}#${did.slice('did:key:'.length)}`,
    })
    expect(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({
      ial: '0',
      vc: vcOf('0'),
    })
  })

  it('makes another badge each time', async () => {
    expect((await sign()).claims?.jti).not.toBe((await sign()).claims?.jti)
  })

  it('makes the published sample badge, byte for byte', async () => {
    const jwk = { kty: 'OKP', crv: 'Ed25519', d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A', x: GOLDEN_X }
    const { token } = await sign({ jti: JTI, iat: 1_733_788_800n, exp: 1_733_789_100n }, '', JSON.stringify(jwk))
    expect(token.slice(-86)).toBe(
      'dhQK3IrsxUMygbkox4E7WnYHzDf8j42Wj768sJpU24HxCHm_kOzFSzqsOE_sRUahZACDJ3O4_oDvPwm31CpzAQ',
    )
  })

  it.each([
    [TrustLevel.UNSPECIFIED, '1'],
    [TrustLevel.DV, '2'],
    [TrustLevel.OV, '3'],
    [TrustLevel.EV, '4'],
  ])('signs for an issuer with its own key, the level by its name: %s', async (trustLevel, level) => {
    const claims = {
      iss: ISSUER,
      sub: other,
      trustLevel,
      domain: 'a.example',
      aud: [AUDIENCE],
      exp: BigInt(NOW + 3600),
    }
    const { token, claims: signed } = await sign(claims, 'ca-9')
    expect(signed).toMatchObject({ ...claims, iat: BigInt(NOW) })
    const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    expect(payload).toMatchObject({ vc: vcOf(level, { domain: 'a.example' }), key: { x: sampleKey(7).x } })
    world.issuerKeys.publish(ISSUER, [toPublicJwk(publicKey, 'ca-9')])
    expect(await callUnary(service(), verifyBadge, { token })).toMatchObject({ valid: true })
  })

  const issued = { iss: ISSUER, sub: other, trustLevel: TrustLevel.DV, domain: 'a.example' }

  it.each<[string, Claims, string, string]>([
    ['a level without issuer', { trustLevel: TrustLevel.DV }, '', 'claims.trust_level'],
    ['a level that no RFC names', { ...issued, trustLevel: TrustLevel.CV }, 'k', 'claims.trust_level'],
    ['a level of nowhere', { ...issued, trustLevel: 9 as TrustLevel }, 'k', 'claims.trust_level'],
    ['level 0 of an issuer', { ...issued, trustLevel: TrustLevel.SELF_SIGNED }, 'k', 'claims.iss'],
    ['the did:key of another', { iss: other }, '', 'claims.iss'],
    ['no key id for an issuer', issued, '', 'key_id'],
    ['a subject whose key nobody gave', { ...issued, sub: SUBJECT }, 'k', 'claims.sub'],
    ['no subject', { ...issued, sub: '' }, 'k', 'claims.sub'],
    ['an unsound subject', { ...issued, sub: 'did:key:z6Mk' }, 'k', 'claims.sub'],
    ['59 seconds of life', { exp: BigInt(NOW + 59) }, '', 'claims.exp'],
    ['an hour and a second of life', { exp: BigInt(NOW + 3601) }, '', 'claims.exp'],
    ['an end before its beginning', { exp: 1n }, '', 'claims.exp'],
    ['a later beginning', { nbf: BigInt(NOW) }, '', 'claims.nbf'],
    ['no UUID', { jti: 'mine' }, '', 'claims'],
    ['no domain at level 2', { ...issued, domain: '' }, 'k', 'claims'],
    ['an issuer over HTTP', { ...issued, iss: 'http://a.example' }, 'k', 'claims'],
    ['another subject at level 0', { sub: other }, '', 'claims'],
    ['another key id at level 0', {}, 'mine', 'claims'],
  ])('refuses %s', async (_what, claims, keyId, field) => {
    await expect(sign(claims, keyId)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', violations: [{ field }] })
  })

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['a public key', JSON.stringify(toPublicJwk(publicKey, 'k'))],
    ['halves of two keys', JSON.stringify(toPrivateJwk(sampleKey(1).publicKey, seed, 'k'))],
  ])('refuses %s for a key, and quotes none of it', async (_what, key) => {
    const refused = await sign(undefined, '', key).catch((thrown: unknown) => thrown)
    expect(refused).toMatchObject({ code: 'INVALID_ARGUMENT', violations: [{ field: 'private_key_jwk' }] })
    expect(String(refused)).not.toContain(Buffer.from(seed).toString('base64url'))
  })

  it('takes 60 seconds and an hour', async () => {
    for (const seconds of [60, 3600]) {
      expect((await sign({ exp: BigInt(NOW + seconds) })).claims?.exp).toBe(BigInt(NOW + seconds))
    }
  })
})
