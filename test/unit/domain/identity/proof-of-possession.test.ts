import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createNodeEd25519Signer,
  createNodeEd25519Verifier,
} from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { parseEd25519PublicKey } from '../../../../core/src/domain/did/ed25519-public-key.ts'
import {
  findProofProblem,
  isProofNonce,
  type PossessionProof,
  type ProofDemands,
} from '../../../../core/src/domain/identity/proof-of-possession.ts'
import { decodeBase64url, encodeBase64url } from '../../../../core/src/lib/base64url.ts'
import { signPossession } from '../../../fakes/sign-possession.ts'

const verifier = createNodeEd25519Verifier({ maxKeys: 10 })
/** The key pair of RFC 8037 appendix A, whose vectors the specification publishes. */
const signer = createNodeEd25519Signer(
  decodeBase64url('nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A') ?? new Uint8Array(),
)
const stranger = createNodeEd25519Signer(new Uint8Array(32).fill(7))

const DID = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'
const KID = `${DID}#z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw`
const NONCE = 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE'
const NOW_MS = 1_733_788_800_000
const AUDIENCE = 'https://mcp.example.com'
const METHOD = 'server/discover'

const answer = { nonce: NONCE, serverDid: DID, kid: KID, audience: AUDIENCE, method: METHOD, nowMs: NOW_MS }
const signed = signPossession(answer, signer)

const GOLDEN =
  'eyJhbGciOiJFZERTQSIsImtpZCI6ImRpZDprZXk6ejZNa3R3dXBkbUxYVlZxVHpDdzRpNDZyNHVHeW9zR1hSblIzWGpONFpxN29NTXN3I3o2TWt0d3VwZG1MWFZWcVR6Q3c0aTQ2cjR1R3lvc0dYUm5SM1hqTjRacTdvTU1zdyIsInR5cCI6InBvcCtqd3MifQ.QVFFQkFRRUJBUUVCQVFFQkFRRUJBUUVCQVFFQkFRRUJBUUVCQVFFQkFRRQ.eK_hlTe2FdHfFhll9y8BQ9ntMsSvLEuqiUmB5tqHz8LtrjuPl7pCxbdOIl1mhrmSlC2M733O-6PlZRaKKH4WBw'

function problemOf(changes: Partial<PossessionProof> = {}, demands: Partial<ProofDemands> = {}) {
  return findProofProblem(
    {
      nonce: NONCE,
      createdAtMs: NOW_MS,
      signature: '',
      boundSignature: '',
      method: METHOD,
      audience: AUDIENCE,
      ...changes,
    },
    {
      serverDid: DID,
      publicKey: parseEd25519PublicKey(signer.publicKey),
      nowMs: NOW_MS,
      maxAgeMs: 30_000,
      requireBound: false,
      ...demands,
    },
    verifier,
  )
}

function jws(header: object, payload: string | Uint8Array, by = signer): string {
  const utf8 = new TextEncoder()
  const bytes = typeof payload === 'string' ? utf8.encode(payload) : payload
  const input = `${encodeBase64url(utf8.encode(JSON.stringify(header)))}.${encodeBase64url(bytes)}`
  return `${input}.${encodeBase64url(by.sign(utf8.encode(input)))}`
}

const header = (changes: object = {}) => ({ alg: 'EdDSA', kid: KID, typ: 'pop+jws', ...changes })
const boundHeader = header({ typ: 'pop-bound+jws' })
const claims = { aud: AUDIENCE, iat: NOW_MS / 1000, method: METHOD, nonce: NONCE, sub: DID }

describe('the nonce form', () => {
  it('is signed as the published vector', () => {
    expect(signed.signature).toBe(GOLDEN)
  })

  it('proves possession', () => {
    expect(problemOf({ signature: GOLDEN })).toBeUndefined()
  })

  it('accepts the key ids that existing servers write', () => {
    expect(problemOf({ signature: jws(header({ kid: `${DID}#keys-1` }), NONCE) })).toBeUndefined()
    expect(problemOf({ signature: jws(header({ kid: DID }), NONCE) })).toBeUndefined()
  })

  it.each<[string, string]>([
    ['is missing', ''],
    ['is for another nonce', jws(header(), NONCE.replace('A', 'B'))],
    ['is over the decoded nonce', jws(header(), decodeBase64url(NONCE) ?? new Uint8Array())],
    ['is over JSON of the nonce', jws(header(), JSON.stringify(NONCE))],
    ['is by another key', jws(header(), NONCE, stranger)],
    ['says it is a badge', jws(header({ typ: 'JWT' }), NONCE)],
    ['says it is an ownership proof', jws(header({ typ: 'pop+jwt' }), NONCE)],
    ['says it is of the bound form', jws(boundHeader, NONCE)],
    ['has no type', jws({ alg: 'EdDSA', kid: KID }, NONCE)],
    ['has another algorithm', jws(header({ alg: 'ES256' }), NONCE)],
    ['has algorithm none', jws(header({ alg: 'none' }), NONCE)],
    ['names no key', jws({ alg: 'EdDSA', typ: 'pop+jws' }, NONCE)],
    ['names a key of another DID', jws(header({ kid: 'did:web:evil.example#key-1' }), NONCE)],
    ['names a key of a DID that begins alike', jws(header({ kid: `${DID}x#key-1` }), NONCE)],
    ['has a critical extension', jws(header({ crit: ['b64'], b64: false }), NONCE)],
    ['has an unencoded payload', jws(header({ b64: true }), NONCE)],
    ['has a fourth part', `${GOLDEN}.x`],
    ['has two parts', GOLDEN.slice(0, GOLDEN.lastIndexOf('.'))],
    ['is padded', `${GOLDEN}==`],
    ['is huge', `${GOLDEN}${'A'.repeat(8192)}`],
    ['is no JWS', 'yes, I do hold the key'],
  ])('fails when it %s', (_, signature) => {
    expect(problemOf({ signature })).toBe('SERVER_POP_FAILED')
  })

  it('fails for a DID that it does not name', () => {
    expect(problemOf({ signature: GOLDEN }, { serverDid: 'did:web:mcp.example.com' })).toBe('SERVER_POP_FAILED')
  })

  it('does not count where the bound form is demanded', () => {
    expect(problemOf({ signature: GOLDEN }, { requireBound: true })).toBe('SERVER_POP_FAILED')
  })
})

describe('the bound form', () => {
  const { boundSignature } = signed

  it('proves possession, alone and where it is demanded', () => {
    expect(problemOf({ boundSignature })).toBeUndefined()
    expect(problemOf({ boundSignature }, { requireBound: true })).toBeUndefined()
  })

  it.each<[string, object]>([
    ['another nonce', { nonce: `${NONCE}A` }],
    ['another server', { sub: 'did:web:mcp.example.com' }],
    ['another audience', { aud: 'https://evil.example.com' }],
    ['another method', { method: 'initialize' }],
    ['a time too long ago', { iat: NOW_MS / 1000 - 91 }],
    ['a time too far ahead', { iat: NOW_MS / 1000 + 91 }],
    ['no time', { iat: undefined }],
    ['a fraction of a second', { iat: NOW_MS / 1000 + 0.5 }],
    ['a time as text', { iat: String(NOW_MS / 1000) }],
  ])('fails for %s', (_, changes) => {
    expect(problemOf({ boundSignature: jws(boundHeader, JSON.stringify({ ...claims, ...changes })) })).toBe(
      'SERVER_POP_FAILED',
    )
  })

  it('passes at the edges of the tolerated time', () => {
    for (const iat of [NOW_MS / 1000 - 90, NOW_MS / 1000 + 90]) {
      expect(problemOf({ boundSignature: jws(boundHeader, JSON.stringify({ ...claims, iat })) })).toBeUndefined()
    }
  })

  it('fails when it repeats a member', () => {
    const twice = JSON.stringify(claims).replace('{', `{"aud":"https://evil.example.com",`)
    expect(problemOf({ boundSignature: jws(boundHeader, twice) })).toBe('SERVER_POP_FAILED')
  })

  it('fails by another key, and as another type', () => {
    const payload = JSON.stringify(claims)
    expect(problemOf({ boundSignature: jws(boundHeader, payload, stranger) })).toBe('SERVER_POP_FAILED')
    expect(problemOf({ boundSignature: jws(header(), payload) })).toBe('SERVER_POP_FAILED')
    expect(problemOf({ boundSignature: jws(header({ typ: 'JWT' }), payload) })).toBe('SERVER_POP_FAILED')
  })

  it('is not replaced by the nonce form when it is there and wrong', () => {
    const relayed = jws(boundHeader, JSON.stringify({ ...claims, aud: 'https://evil.example.com' }))
    expect(problemOf({ signature: GOLDEN, boundSignature: relayed })).toBe('SERVER_POP_FAILED')
  })
})

describe('time', () => {
  it.each([
    [0, undefined],
    [30_000, undefined],
    [30_001, 'SERVER_POP_EXPIRED'],
    [-60_000, undefined],
    [-60_001, 'SERVER_POP_EXPIRED'],
    [Number.NaN, 'SERVER_POP_EXPIRED'],
  ])('a nonce that is %d ms old gives %s', (ageMs, problem) => {
    expect(problemOf({ signature: GOLDEN, createdAtMs: NOW_MS - ageMs })).toBe(problem)
  })
})

describe('what a server signs', () => {
  it.each([
    ['JSON of a badge', '{"iss":"did:key:z"}'],
    ['a signing input', 'eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiIxIn0'],
    ['21 characters', 'A'.repeat(21)],
    ['129 characters', 'A'.repeat(129)],
    ['standard base64', `${'A'.repeat(42)}+/`],
    ['a final line feed', `${'A'.repeat(43)}\n`],
    ['nothing', ''],
  ])('is never %s', (_, nonce) => {
    expect(isProofNonce(nonce)).toBe(false)
    expect(problemOf({ nonce, signature: jws(header(), nonce) })).toBe('SERVER_POP_FAILED')
    expect(problemOf({ nonce, boundSignature: signPossession({ ...answer, nonce }, signer).boundSignature })).toBe(
      'SERVER_POP_FAILED',
    )
  })

  it('is a nonce of 22 to 128 base64url characters', () => {
    expect([22, 43, 128].map((length) => isProofNonce('A'.repeat(length)))).toEqual([true, true, true])
    expect(isProofNonce(undefined)).toBe(false)
  })

  it('proves possession for every nonce, and never for a proof with one character changed', () => {
    const changed = fc.tuple(fc.nat(), fc.constantFrom(...'ABab01-_'))
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{22,128}$/), changed, (nonce, [at, character]) => {
        const { boundSignature } = signPossession({ ...answer, nonce }, signer)
        expect(problemOf({ nonce, boundSignature })).toBeUndefined()
        const i = at % boundSignature.length
        const mutant = boundSignature.slice(0, i) + character + boundSignature.slice(i + 1)
        if (mutant !== boundSignature) expect(problemOf({ nonce, boundSignature: mutant })).toBe('SERVER_POP_FAILED')
      }),
      { numRuns: 500 },
    )
  })
})
