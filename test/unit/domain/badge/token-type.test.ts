import { describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { parseBadge } from '../../../../core/src/domain/badge/parse-badge.ts'
import { isTokenOf, TOKEN_TYPES, type TokenKind } from '../../../../core/src/domain/badge/token-type.ts'
import { parseEd25519PublicKey } from '../../../../core/src/domain/did/ed25519-public-key.ts'
import { findProofProblem } from '../../../../core/src/domain/identity/proof-of-possession.ts'
import { createBadgeWorld } from '../../../fakes/badge-world.ts'
import { signPossession } from '../../../fakes/sign-possession.ts'
import { refusalOf } from '../../../tools/refusal.ts'

const KINDS = Object.keys(TOKEN_TYPES) as TokenKind[]

describe('the types of tokens', () => {
  it('are these texts, which others write too', () => {
    expect(TOKEN_TYPES).toEqual({
      badge: 'JWT',
      dvGrant: 'capiscio.dvgrant+jwt',
      ownershipProof: 'pop+jwt',
      handshakeProof: 'pop+jws',
      boundHandshakeProof: 'pop-bound+jws',
    })
  })

  it('are told apart: each token is of its own kind only', () => {
    for (const kind of KINDS) {
      for (const other of KINDS) expect(isTokenOf(kind, { typ: TOKEN_TYPES[other] })).toBe(kind === other)
    }
  })

  it.each([undefined, null, '', 'jwt', ' JWT', ['JWT'], 'application/jwt'])(
    'are compared exactly: %j is none',
    (typ) => {
      for (const kind of KINDS) expect(isTokenOf(kind, { typ })).toBe(false)
    },
  )
})

describe('one key that signs everything', () => {
  const world = createBadgeWorld()
  const did = world.agentDidKey
  const demands = {
    serverDid: did,
    publicKey: parseEd25519PublicKey(world.agent.publicKey),
    nowMs: 1_000_000,
    maxAgeMs: 30_000,
    requireBound: false,
  }
  const nonce = 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE'
  const proof = {
    nonce,
    createdAtMs: 1_000_000,
    method: 'initialize',
    audience: 'stdio',
    signature: '',
    boundSignature: '',
  }
  const verify = world.ed25519

  it('makes no badge out of a proof, whatever the proof says', () => {
    for (const kind of KINDS) {
      const read = refusalOf(() => parseBadge(world.selfSigned({}, { typ: TOKEN_TYPES[kind] }), { requireKey: true }))
      if (kind === 'badge') expect(read).toHaveProperty('returned')
      else expect(read, kind).toBe('BadgeRefused BADGE_MALFORMED')
    }
  })

  it('makes no proof out of a badge, or out of a proof of another kind', () => {
    for (const kind of KINDS) {
      const header = { alg: 'EdDSA', kid: `${did}#${did.slice(8)}`, typ: TOKEN_TYPES[kind] }
      const overNonce = world.agent.signRaw(JSON.stringify(header), nonce)
      expect(findProofProblem({ ...proof, signature: overNonce }, demands, verify), kind).toBe(
        kind === 'handshakeProof' ? undefined : 'SERVER_POP_FAILED',
      )
      const claims = { nonce, sub: did, aud: 'stdio', method: 'initialize', iat: 1000 }
      const bound = world.agent.sign(header, claims)
      expect(findProofProblem({ ...proof, boundSignature: bound }, demands, verify), kind).toBe(
        kind === 'boundHandshakeProof' ? undefined : 'SERVER_POP_FAILED',
      )
    }
  })

  it('signs proofs that say what they are', () => {
    const signer = createNodeEd25519Signer(new Uint8Array(32).fill(2))
    const answer = { nonce, serverDid: did, kid: did, audience: 'stdio', method: 'initialize', nowMs: 1_000_000 }
    const { signature, boundSignature } = signPossession(answer, signer)
    const headerOf = (jws: string) => JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString())
    expect(headerOf(signature).typ).toBe('pop+jws')
    expect(headerOf(boundSignature).typ).toBe('pop-bound+jws')
    for (const jws of [signature, boundSignature]) {
      expect(refusalOf(() => parseBadge(jws, { requireKey: true }))).toBe('BadgeRefused BADGE_MALFORMED')
    }
  })
})
