import { beforeEach, describe, expect, test, vi } from 'vitest'
import { createNodeEd25519Signer } from '../../../core/src/adapters/crypto/node-ed25519.ts'
import { encodeBase64url } from '../../../core/src/lib/base64url.ts'
import type { PopExchange, ServerToVerify, VerifyConfig } from '../../../sdk-browser/src/index.ts'
import { InvalidRequestError, PopError } from '../../../sdk-browser/src/index.ts'
import { createVerifier, type VerifierOptions, verifyPopResponse } from '../../../sdk-browser/src/verify/index.ts'
import {
  type BadgeWorld,
  createBadgeWorld,
  didDocument,
  ISSUER,
  JTI,
  NOW,
  type Payload,
} from '../../fakes/badge-world.ts'
import { signPossession } from '../../fakes/sign-possession.ts'
import { fromHex, WEAK_KEYS } from '../../tools/weak-keys.ts'

const DID = 'did:web:mcp.example.com:servers:files'
const ORIGIN = 'https://mcp.example.com'
const NONCE = 'A'.repeat(43)

const serverKey = createNodeEd25519Signer(new Uint8Array(32).fill(9))
const key = { kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(serverKey.publicKey) }

let world: BadgeWorld

beforeEach(() => {
  world = createBadgeWorld()
})

const badgeOf = (changes: Payload = {}): string => world.badge({ sub: DID, aud: undefined, key, ...changes })

function verify(server: Partial<ServerToVerify> = {}, config: VerifyConfig = {}, options: VerifierOptions = {}) {
  const verifier = createVerifier({
    issuers: { [ISSUER]: { keys: [world.ca.jwk] } },
    isRevoked: () => false,
    nowMs: () => NOW * 1000,
    ...options,
  })
  const seen = { serverDid: DID, serverBadge: badgeOf(), transportOrigin: ORIGIN, endpointPath: '/servers/files' }
  return verifier.verifyServer({ ...seen, ...server }, { config })
}

function proofOf(method: PopExchange['method'], { audience = ORIGIN, signer = serverKey } = {}): PopExchange {
  const answer = { nonce: NONCE, serverDid: DID, kid: `${DID}#key-1`, method, audience, nowMs: NOW * 1000 }
  return { nonce: NONCE, createdAtMs: NOW * 1000, method, ...signPossession(answer, signer) }
}

describe('a server', () => {
  test('whose badge verifies is a verified principal', async () => {
    const server = await verify()
    expect(server).toEqual({
      state: 'VERIFIED_PRINCIPAL',
      isVerified: true,
      hasIdentity: true,
      errorCode: undefined,
      detail: 'The badge verifies and is for this server.',
      serverDid: DID,
      badgeJti: JTI,
      trustLevel: 2,
      popVerified: false,
    })
    expect(Object.isFrozen(server)).toBe(true)
  })

  test.each<[string, string, Partial<ServerToVerify>, VerifyConfig?, VerifierOptions?]>([
    ['without a DID', 'SERVER_IDENTITY_MISSING', { serverDid: undefined }],
    ['without a badge', 'SERVER_BADGE_MISSING', { serverBadge: undefined }],
    ['whose DID is none', 'SERVER_DID_INVALID', { serverDid: 'did:web:127.0.0.1' }],
    ['whose badge is none', 'SERVER_BADGE_INVALID', { serverBadge: 'a.b.c' }],
    ['with the badge of another', 'SERVER_DID_MISMATCH', { serverDid: `${DID}-2` }],
    ['at another host', 'SERVER_DOMAIN_MISMATCH', { transportOrigin: 'https://mcp.example.org' }],
    ['at another path', 'SERVER_PATH_MISMATCH', { endpointPath: '/servers/other' }],
    ['of too low a level', 'SERVER_TRUST_INSUFFICIENT', {}, { minTrustLevel: 3 }],
    ['of an issuer that is not wanted', 'SERVER_ISSUER_UNTRUSTED', {}, { trustedIssuers: ['https://b.example.com'] }],
    ['that proves nothing where proof is demanded', 'SERVER_POP_FAILED', {}, { requirePop: true }],
    ['whose badge was revoked', 'SERVER_BADGE_REVOKED', {}, {}, { isRevoked: () => true }],
    ['whose badge is over', 'SERVER_BADGE_EXPIRED', {}, {}, { nowMs: () => (NOW + 360) * 1000 }],
  ])('%s is not verified', async (_, errorCode, server, config, options) => {
    expect(await verify(server, config, options)).toMatchObject({ isVerified: false, errorCode, trustLevel: undefined })
  })

  test('with a self-signed badge needs its key to be named, and level 0 to be accepted', async () => {
    const server = { serverDid: world.agentDidKey, serverBadge: world.selfSigned() }
    const levelZeroKeys = [world.agentDidKey]
    expect(await verify(server, { acceptLevelZero: true }, { levelZeroKeys })).toMatchObject({ trustLevel: 0 })
    expect(await verify(server, {}, { levelZeroKeys })).toMatchObject({ errorCode: 'SERVER_TRUST_INSUFFICIENT' })
    expect(await verify(server, { acceptLevelZero: true })).toMatchObject({ errorCode: 'SERVER_ISSUER_UNTRUSTED' })
  })

  test.each([undefined, '', null])('is not compared with an origin that is %j: that is a TypeError', async (origin) => {
    const nowhere = { transportOrigin: origin as string, endpointPath: undefined }
    await expect(verify(nowhere)).rejects.toThrow(TypeError)
    await expect(verify(nowhere)).rejects.toThrow('transportOrigin')
  })

  test('behind a trusted gateway may be named without an origin', async () => {
    const server = { transportOrigin: undefined, endpointPath: undefined }
    expect(await verify(server, { skipOriginBinding: true })).toMatchObject({ isVerified: true })
  })

  test('is verified by demands of its own call, not by inherited ones', async () => {
    const issuers = { [ISSUER]: { keys: [world.ca.jwk] } }
    const verifier = createVerifier({ issuers, isRevoked: () => false, nowMs: () => NOW * 1000 })
    const server = { serverDid: DID, serverBadge: badgeOf(), transportOrigin: 'https://evil.example.com' }
    const inherited = Object.create({ config: { skipOriginBinding: true } }) as object
    expect(await verifier.verifyServer(server, inherited)).toMatchObject({ errorCode: 'SERVER_DOMAIN_MISMATCH' })
  })

  test('is looked up by nobody in offline mode', async () => {
    const resolveDid = vi.fn().mockResolvedValue(didDocument(DID, world.agentDidKey.slice('did:key:'.length)))
    const serverBadge = badgeOf({ ial: '1', cnf: { kid: `${DID}#key-1` }, key: undefined })
    const withKey = world.badge({ sub: DID, aud: undefined, ial: '1', cnf: { kid: `${DID}#key-1` } })
    expect(await verify({ serverBadge })).toMatchObject({ errorCode: 'SERVER_BADGE_INVALID' })
    expect(await verify({ serverBadge: withKey }, { offlineMode: true }, { resolveDid })).toMatchObject({
      errorCode: 'SERVER_KEY_FETCH_FAILED',
    })
    expect(resolveDid).not.toHaveBeenCalled()
    expect(await verify({ serverBadge: withKey }, {}, { resolveDid })).toMatchObject({ isVerified: true })
    expect(resolveDid).toHaveBeenCalledOnce()
  })
})

describe('a proof of possession', () => {
  test.each(['initialize', 'server/discover'] as const)('holds over %s', async (method) => {
    expect(await verify({ proof: proofOf(method) }, { requirePop: true })).toMatchObject({
      isVerified: true,
      popVerified: true,
    })
  })

  test('made for another endpoint, by another key or long ago proves nothing', async () => {
    const stranger = createNodeEd25519Signer(new Uint8Array(32).fill(8))
    const relayed = proofOf('server/discover', { audience: 'https://evil.example.com' })
    const forged = proofOf('server/discover', { signer: stranger })
    const old = { ...proofOf('server/discover'), createdAtMs: (NOW - 31) * 1000 }
    for (const [proof, errorCode] of [
      [relayed, 'SERVER_POP_FAILED'],
      [forged, 'SERVER_POP_FAILED'],
      [old, 'SERVER_POP_EXPIRED'],
    ] as const) {
      expect(await verify({ proof }, { requirePop: true })).toMatchObject({ isVerified: false, errorCode })
      expect(await verify({ proof })).toMatchObject({ isVerified: true, popVerified: false })
    }
  })

  test('can be checked alone, under a key that is known', async () => {
    const now = Date.now()
    const answer = { nonce: NONCE, serverDid: DID, kid: DID, method: 'initialize', audience: ORIGIN, nowMs: now }
    const exchange = {
      nonce: NONCE,
      createdAtMs: now,
      method: 'initialize',
      ...signPossession(answer, serverKey),
    } as const
    const demands = { serverDid: DID, audience: ORIGIN, publicKey: serverKey.publicKey }
    await verifyPopResponse(exchange, demands)
    await expect(verifyPopResponse(exchange, { ...demands, audience: 'stdio' })).rejects.toBeInstanceOf(PopError)
    const other = createNodeEd25519Signer(new Uint8Array(32).fill(8)).publicKey
    await expect(verifyPopResponse(exchange, { ...demands, publicKey: other })).rejects.toMatchObject({
      code: 'POP_SIGNATURE_INVALID',
    })
    for (const wrong of [
      { maxAge: 5 },
      { maxAgeMs: Number.POSITIVE_INFINITY },
      { maxAgeMs: '30000' },
      { maxAgeMs: 600_001 },
      { audience: undefined },
      { audience: '' },
      { serverDid: '' },
    ]) {
      await expect(verifyPopResponse(exchange, { ...demands, ...wrong } as never)).rejects.toThrow(TypeError)
    }
    await verifyPopResponse(exchange, { ...demands, publicKey: Buffer.from(serverKey.publicKey) })
    for (const publicKey of [fromHex(WEAK_KEYS[0] ?? ''), new Uint8Array(31), 'key' as unknown as Uint8Array]) {
      await expect(verifyPopResponse(exchange, { ...demands, publicKey })).rejects.toThrow(TypeError)
    }
  })
})

test('values out of range are named', async () => {
  const tooOld = await verify({}, { popMaxAgeMs: 600_001 }).catch((error: unknown) => error)
  expect(tooOld).toBeInstanceOf(InvalidRequestError)
  expect(tooOld).toMatchObject({ fieldViolations: [{ field: 'config.pop_max_age' }] })
  await expect(verify({}, { minTrustLevel: 5 as 4 })).rejects.toThrow(
    'minTrustLevel must be a whole number from 0 to 4',
  )
  await expect(verify({}, { requirePoP: true } as VerifyConfig)).rejects.toThrow('unknown member "requirePoP"')
  await expect(verify({ transportOrigin: 'mcp.example.com' })).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
})
