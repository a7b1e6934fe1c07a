import { beforeEach, describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { toDidKey } from '../../../../core/src/domain/did/did-key.ts'
import type { PossessionProof } from '../../../../core/src/domain/identity/proof-of-possession.ts'
import {
  createServerVerifier,
  type ServerClaim,
  type ServerDemands,
  type ServerVerification,
} from '../../../../core/src/domain/identity/verify-server.ts'
import { createTrustedIssuers } from '../../../../core/src/domain/trust/trusted-issuers.ts'
import { encodeBase64url } from '../../../../core/src/lib/base64url.ts'
import {
  AUDIENCE,
  type BadgeWorld,
  createBadgeWorld,
  ISSUER,
  JTI,
  NOW,
  type Payload,
  vcOf,
} from '../../../fakes/badge-world.ts'
import { signPossession } from '../../../fakes/sign-possession.ts'

const DID = 'did:web:mcp.example.com:servers:files'
const ENDPOINT: ServerClaim['endpoint'] = { transport: 'http', url: new URL('https://mcp.example.com/servers/files') }
const NONCE = 'A'.repeat(43)

const serverKey = createNodeEd25519Signer(new Uint8Array(32).fill(9))
const key = { kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(serverKey.publicKey) }

const DEMANDS: ServerDemands = {
  trustedIssuers: [],
  minTrustLevel: 0,
  acceptLevelZero: false,
  offline: false,
  skipOriginBinding: false,
  requirePop: false,
  popMaxAgeMs: 30_000,
}

let world: BadgeWorld

beforeEach(() => {
  world = createBadgeWorld()
})

const badgeOf = (changes: Payload = {}): string => world.badge({ sub: DID, aud: undefined, key, ...changes })

function verify(
  claim: { did?: string; badge?: string; endpoint?: ServerClaim['endpoint']; proof?: PossessionProof } = {},
  demands: Partial<ServerDemands> = {},
  trust: { acceptLevelZero?: boolean } = {},
): Promise<ServerVerification> {
  const { did = DID, badge = badgeOf(), endpoint = ENDPOINT, proof } = claim
  const verifier = createServerVerifier({
    issuers: () => createTrustedIssuers({ issuers: [ISSUER], levelZeroKeys: [], acceptLevelZero: false, ...trust }),
    audience: [AUDIENCE],
    badges: world.verifier(),
    offlineBadges: world.verifier(),
    ed25519: world.ed25519,
    clock: world.clock,
    requireKey: true,
  })
  return verifier.verify({ identity: { did, badge }, endpoint, ...(proof && { proof }) }, { ...DEMANDS, ...demands })
}

function proofOf(changes: Partial<PossessionProof> = {}, signer = serverKey, audience = 'https://mcp.example.com') {
  const answer = { nonce: NONCE, serverDid: DID, kid: `${DID}#key-1`, method: 'initialize', nowMs: NOW * 1000 }
  const signed = signPossession({ ...answer, audience, method: changes.method ?? 'initialize' }, signer)
  return {
    nonce: NONCE,
    createdAtMs: NOW * 1000,
    method: 'initialize',
    audience: 'https://mcp.example.com',
    ...signed,
    ...changes,
  }
}

const failed = (problem: string, more: object = {}) => ({
  state: 'DECLARED_PRINCIPAL',
  problem,
  trustLevel: undefined,
  popVerified: false,
  did: DID,
  badgeJti: JTI,
  ...more,
})

describe('a server that discloses', () => {
  it('a DID and a badge that verifies is a verified principal at the level of the badge', async () => {
    expect(await verify()).toEqual({
      state: 'VERIFIED_PRINCIPAL',
      did: DID,
      badgeJti: JTI,
      trustLevel: 2,
      popVerified: false,
      problem: undefined,
      message: 'The badge verifies and is for this server.',
    })
  })

  it('no DID is of unverified origin, badge or not', async () => {
    const unknown = { state: 'UNVERIFIED_ORIGIN', problem: 'IDENTITY_MISSING', did: '', badgeJti: undefined }
    expect(await verify({ did: '', badge: '' })).toMatchObject(unknown)
    expect(await verify({ did: '' })).toMatchObject(unknown)
  })

  it('a DID without a badge is declared', async () => {
    expect(await verify({ badge: '' })).toMatchObject(failed('BADGE_MISSING', { badgeJti: undefined }))
  })

  it.each(['no DID', 'did:example:123', 'did:web:127.0.0.1', 'did:key:z6Mkabc', `${DID}#key-1`])(
    'the DID %s is declared with a DID that is refused, badge or not',
    async (did) => {
      expect(await verify({ did })).toMatchObject(failed('DID_INVALID', { did, badgeJti: undefined }))
      expect(await verify({ did, badge: '' })).toMatchObject(failed('DID_INVALID', { did, badgeJti: undefined }))
    },
  )
})

describe('the badge', () => {
  it.each<[string, (w: BadgeWorld) => string, string]>([
    ['is no JWS', () => 'x', 'BADGE_INVALID'],
    ['contradicts itself', () => badgeOf({ ial: '1' }), 'BADGE_INVALID'],
    ['is for a named audience that is not this core', () => badgeOf({ aud: ['https://b.example'] }), 'BADGE_INVALID'],
    ['is from the future', () => badgeOf({ iat: NOW + 61 }), 'BADGE_INVALID'],
    ['has expired', () => badgeOf({ iat: NOW - 600, exp: NOW - 60 }), 'BADGE_EXPIRED'],
    ['is of a strange issuer', () => badgeOf({ iss: 'https://evil.example.com' }), 'ISSUER_UNTRUSTED'],
    ['is for another server', () => badgeOf({ sub: `${DID}-2` }), 'DID_MISMATCH'],
  ])('that %s leaves the server declared', async (_, badge, problem) => {
    expect(await verify({ badge: badge(world) })).toMatchObject({
      state: 'DECLARED_PRINCIPAL',
      problem,
      trustLevel: undefined,
    })
  })

  it('that is signed by somebody else leaves the server declared', async () => {
    const forged = world.agent.sign(
      { alg: 'EdDSA', typ: 'JWT', kid: 'ca-1' },
      world.payload({ sub: DID, aud: undefined, key }),
    )
    expect(await verify({ badge: forged })).toMatchObject(failed('BADGE_INVALID'))
  })

  it('that is revoked leaves the server declared, with its DID and jti for people', async () => {
    world.status.revoked.add(JTI)
    expect(await verify()).toMatchObject(failed('BADGE_REVOKED'))
  })

  it('whose subject is disabled counts as revoked', async () => {
    world.status.disabled.add(DID)
    expect(await verify()).toMatchObject(failed('BADGE_REVOKED'))
  })

  it('whose revocation cannot be looked up does not verify', async () => {
    world.status.unanswerable.add('isRevoked')
    expect(await verify()).toMatchObject(failed('BADGE_INVALID'))
  })

  it('whose confirmed key cannot be looked up leaves the key unknown', async () => {
    const badge = badgeOf({ ial: '1', cnf: { kid: `${DID}#key-1` } })
    expect(await verify({ badge })).toMatchObject(failed('KEY_FETCH_FAILED'))
  })

  it('counts only for the issuers that the client also trusts', async () => {
    expect(await verify({}, { trustedIssuers: [ISSUER] })).toMatchObject({ state: 'VERIFIED_PRINCIPAL' })
    expect(await verify({}, { trustedIssuers: ['https://other.example.com'] })).toMatchObject(
      failed('ISSUER_UNTRUSTED'),
    )
  })

  it.each([
    [2, 'VERIFIED_PRINCIPAL', undefined],
    [3, 'DECLARED_PRINCIPAL', 'TRUST_INSUFFICIENT'],
  ] as const)('of level 2 against a minimum of %d is %s', async (minTrustLevel, state, problem) => {
    expect(await verify({}, { minTrustLevel })).toMatchObject({ state, problem })
  })
})

describe('the order of checks', () => {
  const elsewhere: ServerClaim['endpoint'] = { transport: 'http', url: new URL('https://evil.example.com/') }

  it('names the subject before the level, the level before revocation, revocation before the place', async () => {
    world.status.revoked.add(JTI)
    const another = badgeOf({ sub: `${DID}-2` })
    expect(await verify({ badge: another, endpoint: elsewhere }, { minTrustLevel: 4 })).toMatchObject({
      problem: 'DID_MISMATCH',
    })
    expect(await verify({ endpoint: elsewhere }, { minTrustLevel: 4 })).toMatchObject({ problem: 'TRUST_INSUFFICIENT' })
    expect(await verify({ endpoint: elsewhere })).toMatchObject({ problem: 'BADGE_REVOKED' })
    world.status.revoked.clear()
    expect(await verify({ endpoint: elsewhere }, { requirePop: true })).toMatchObject({ problem: 'DOMAIN_MISMATCH' })
  })

  it('names expiry before the subject', async () => {
    const badge = badgeOf({ sub: `${DID}-2`, iat: NOW - 600, exp: NOW - 60 })
    expect(await verify({ badge })).toMatchObject({ problem: 'BADGE_EXPIRED' })
  })
})

describe('a level 0 badge', () => {
  const did = toDidKey(serverKey.publicKey)
  const selfSigned = (): { did: string; badge: string } => {
    const signer = serverKey
    const header = { alg: 'EdDSA', typ: 'JWT', kid: `${did}#${did.slice('did:key:'.length)}` }
    const payload = { ...world.payload({ iss: did, sub: did, aud: undefined, key, vc: vcOf('0') }) }
    const utf8 = new TextEncoder()
    const text = (value: object): string => encodeBase64url(utf8.encode(JSON.stringify(value)))
    const input = `${text(header)}.${text(payload)}`
    return { did, badge: `${input}.${encodeBase64url(signer.sign(utf8.encode(input)))}` }
  }

  it('verifies where core and client accept level 0', async () => {
    const verification = await verify(selfSigned(), { acceptLevelZero: true }, { acceptLevelZero: true })
    expect(verification).toMatchObject({ state: 'VERIFIED_PRINCIPAL', trustLevel: 0 })
  })

  it('is below what a client wants that does not accept level 0', async () => {
    const verification = await verify(selfSigned(), {}, { acceptLevelZero: true })
    expect(verification).toMatchObject({ state: 'DECLARED_PRINCIPAL', problem: 'TRUST_INSUFFICIENT' })
  })

  it('is untrusted where the core does not accept level 0, whatever the client says', async () => {
    const verification = await verify(selfSigned(), { acceptLevelZero: true })
    expect(verification).toMatchObject({ state: 'DECLARED_PRINCIPAL', problem: 'ISSUER_UNTRUSTED' })
  })
})

describe('the place', () => {
  const at = (url: string): ServerClaim['endpoint'] => ({ transport: 'http', url: new URL(url) })

  it('must be the one that the DID names', async () => {
    expect(await verify({ endpoint: at('https://evil.example.com/servers/files') })).toMatchObject(
      failed('DOMAIN_MISMATCH'),
    )
    expect(await verify({ endpoint: at('https://mcp.example.com/servers/other') })).toMatchObject(
      failed('PATH_MISMATCH'),
    )
  })

  it('does not matter behind a trusted gateway or for a child process', async () => {
    const gateway = at('https://gateway.example.com/')
    expect(await verify({ endpoint: gateway }, { skipOriginBinding: true })).toMatchObject({
      state: 'VERIFIED_PRINCIPAL',
    })
    expect(await verify({ endpoint: { transport: 'stdio' } })).toMatchObject({ state: 'VERIFIED_PRINCIPAL' })
  })
})

describe('proof of possession', () => {
  it('is reported beside the state', async () => {
    expect(await verify({ proof: proofOf() })).toMatchObject({ state: 'VERIFIED_PRINCIPAL', popVerified: true })
    expect(await verify({ proof: proofOf({}, createNodeEd25519Signer(new Uint8Array(32).fill(8))) })).toMatchObject({
      state: 'VERIFIED_PRINCIPAL',
      popVerified: false,
    })
  })

  it('is demanded where the client requires it', async () => {
    expect(await verify({ proof: proofOf() }, { requirePop: true })).toMatchObject({
      state: 'VERIFIED_PRINCIPAL',
      popVerified: true,
    })
    expect(await verify({}, { requirePop: true })).toMatchObject(failed('POP_FAILED'))
    const late = proofOf({ createdAtMs: NOW * 1000 - 30_001 })
    expect(await verify({ proof: late }, { requirePop: true })).toMatchObject(failed('POP_EXPIRED'))
  })

  it('that was made for another endpoint is worth nothing', async () => {
    const relayed = proofOf({}, serverKey, 'https://real.example.com')
    expect(await verify({ proof: relayed }, { requirePop: true })).toMatchObject(failed('POP_FAILED'))
  })

  it('must be bound where the method is of clients that know the bound form', async () => {
    const method = 'server/discover'
    expect(await verify({ proof: proofOf({ method }) }, { requirePop: true })).toMatchObject({ popVerified: true })
    const unbound = proofOf({ method, boundSignature: '' })
    expect(await verify({ proof: unbound }, { requirePop: true })).toMatchObject(failed('POP_FAILED'))
  })

  it('without a badge lifts nobody', async () => {
    expect(await verify({ badge: '', proof: proofOf() })).toMatchObject({
      state: 'DECLARED_PRINCIPAL',
      problem: 'BADGE_MISSING',
      popVerified: false,
    })
  })

  it('counts for a did:key only with the key that the DID names', async () => {
    const did = toDidKey(serverKey.publicKey)
    const otherKey = { kty: 'OKP', crv: 'Ed25519', x: world.agent.jwk.x }
    const stdio: ServerClaim['endpoint'] = { transport: 'stdio' }
    const signed = signPossession(
      { nonce: NONCE, serverDid: did, kid: did, audience: 'stdio', method: 'initialize', nowMs: NOW * 1000 },
      serverKey,
    )
    const proof = { ...proofOf(), ...signed, audience: 'stdio' }
    const good = { did, badge: badgeOf({ sub: did }), endpoint: stdio, proof }
    expect(await verify(good, { requirePop: true })).toMatchObject({ state: 'VERIFIED_PRINCIPAL', popVerified: true })
    const swapped = { ...good, badge: badgeOf({ sub: did, key: otherKey }) }
    expect(await verify(swapped, { requirePop: true })).toMatchObject({ problem: 'KEY_FETCH_FAILED' })
  })
})

describe('offline', () => {
  it('asks the verifier that asks nobody', async () => {
    const offline = createServerVerifier({
      issuers: () => createTrustedIssuers({ issuers: [ISSUER], levelZeroKeys: [], acceptLevelZero: false }),
      audience: [],
      badges: { verify: () => Promise.reject(new Error('asked the network')) },
      offlineBadges: world.verifier(),
      ed25519: world.ed25519,
      clock: world.clock,
      requireKey: true,
    })
    const claim = { identity: { did: DID, badge: badgeOf() }, endpoint: ENDPOINT }
    expect(await offline.verify(claim, { ...DEMANDS, offline: true })).toMatchObject({ state: 'VERIFIED_PRINCIPAL' })
    await expect(offline.verify(claim, DEMANDS)).rejects.toThrow('asked the network')
  })
})
