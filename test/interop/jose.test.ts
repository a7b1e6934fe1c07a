import { createPrivateKey, type KeyObject } from 'node:crypto'
import {
  calculateJwkThumbprint,
  compactVerify,
  createLocalJWKSet,
  decodeProtectedHeader,
  errors,
  importJWK,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose'
import { describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { issueBadge } from '../../core/src/domain/badge/issue-badge.ts'
import { keyThumbprint } from '../../core/src/domain/did/key-thumbprint.ts'
import { createBadgeWorld, demandsOf, HEADER, ISSUER, JTI, NOW, SUBJECT } from '../fakes/badge-world.ts'
import { signPossession } from '../fakes/sign-possession.ts'
import { rejectionOf } from '../tools/refusal.ts'

const world = createBadgeWorld()
const now = { currentDate: new Date(NOW * 1000) }
const jwks = createLocalJWKSet({ keys: [world.ca.jwk as unknown as JWK] })

/** The seed that the world's issuer has, as another library takes it. */
const seed = new Uint8Array(32).fill(1)
const secret: KeyObject = createPrivateKey({
  key: { ...(world.ca.jwk as unknown as JWK), d: Buffer.from(seed).toString('base64url') },
  format: 'jwk',
})

function badgeByJose(changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT(JSON.parse(JSON.stringify(world.payload(changes))))
    .setProtectedHeader({ ...HEADER, ...header })
    .sign(secret)
}

describe('what this project signs, read by jose', () => {
  const contents = {
    ...{ jti: JTI, issuer: ISSUER, subject: SUBJECT, level: 3 as const, domain: 'agents.example.com' },
    ...{ issuedAt: NOW, expiresAt: NOW + 300, subjectKey: world.agent.publicKey },
  }

  it('is a badge under the key set of its issuer, and under no other', async () => {
    const badge = issueBadge(contents, 'ca-1', createNodeEd25519Signer(seed))
    const { payload, protectedHeader } = await jwtVerify(badge, jwks, { ...now, issuer: ISSUER, subject: SUBJECT })
    expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: 'ca-1' })
    expect(payload).toMatchObject({ jti: JTI, vc: { credentialSubject: { level: '3' } } })
    const forged = issueBadge(contents, 'ca-1', createNodeEd25519Signer(new Uint8Array(32).fill(3)))
    await expect(jwtVerify(forged, jwks, now)).rejects.toThrow(errors.JWSSignatureVerificationFailed)
  })

  it('is a proof of possession, whose nonce cannot be changed', async () => {
    const proof = { nonce: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', serverDid: world.agentDidKey, kid: 'agent' }
    const { signature } = signPossession(
      { ...proof, audience: 'stdio', method: 'initialize', nowMs: NOW * 1000 },
      createNodeEd25519Signer(new Uint8Array(32).fill(2)),
    )
    const key = await importJWK(world.agent.jwk as unknown as JWK, 'EdDSA')
    expect((await compactVerify(signature, key)).payload.byteLength).toBeGreaterThan(0)
    expect(decodeProtectedHeader(signature).alg).toBe('EdDSA')
    const [header, payload = '', rest] = signature.split('.')
    const other = `${header}.${payload.slice(0, 8)}${payload[8] === 'A' ? 'B' : 'A'}${payload.slice(9)}.${rest}`
    await expect(compactVerify(other, key)).rejects.toThrow(errors.JWSSignatureVerificationFailed)
  })

  it('has the thumbprint of RFC 7638', async () => {
    expect(keyThumbprint(world.agent.publicKey)).toBe(await calculateJwkThumbprint(world.agent.jwk as unknown as JWK))
    expect(keyThumbprint(world.ca.publicKey)).toBe(await calculateJwkThumbprint(world.ca.jwk as unknown as JWK))
  })
})

describe('what jose signs, read by this project', () => {
  const verdict = async (badge: Promise<string>) => rejectionOf(world.verifier().verify(await badge, demandsOf()))

  it('is a badge where every claim and header is that of one', async () => {
    expect(await verdict(badgeByJose())).toMatchObject({ returned: { subject: SUBJECT, level: 2 } })
  })

  it.each([
    ['of another type', badgeByJose({}, { typ: 'at+jwt' }), 'BADGE_MALFORMED'],
    ['with a header that must be understood', badgeByJose({}, { crit: ['b64'], b64: true }), 'BADGE_MALFORMED'],
    ['that is over', badgeByJose({ iat: NOW - 900, exp: NOW - 600 }), 'BADGE_EXPIRED'],
    ['with a level as a number', badgeByJose({ vc: { credentialSubject: { level: 2 } } }), 'BADGE_CLAIMS_INVALID'],
    ['under an unknown key', badgeByJose({}, { kid: 'ca-2' }), 'BADGE_SIGNATURE_INVALID'],
  ])('is none %s', async (_what, badge, code) => {
    expect(await verdict(badge)).toBe(`BadgeRefused ${code}`)
  })
})
