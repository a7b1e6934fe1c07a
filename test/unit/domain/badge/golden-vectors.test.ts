import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalJson } from '@capiscio/proto/sdk'
import { describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { didKeyKid, parseDidKey, toDidKey } from '../../../../core/src/domain/did/did-key.ts'
import { DidRefused } from '../../../../core/src/domain/did/did-refused.ts'
import { parseDidWeb } from '../../../../core/src/domain/did/did-web.ts'
import { locateDidWeb } from '../../../../core/src/domain/did/did-web-location.ts'
import { defaultKeyId } from '../../../../core/src/domain/did/key-id.ts'
import { toPublicKeyPem } from '../../../../core/src/domain/did/key-pem.ts'
import { keyThumbprint } from '../../../../core/src/domain/did/key-thumbprint.ts'
import { parsePublicJwk } from '../../../../core/src/domain/did/public-jwk.ts'
import { createIssuerApi } from '../../../../core/src/domain/revocation/issuer-api.ts'
import { createLiveStatus } from '../../../../core/src/domain/revocation/live-status.ts'
import { type StatusKnowledge, statusVerdict } from '../../../../core/src/domain/revocation/status-verdict.ts'
import { sha256Base64url } from '../../../../core/src/lib/sha256.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { signPossession } from '../../../fakes/sign-possession.ts'
import { refusalOf } from '../../../tools/refusal.ts'

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'vectors', 'badges')

const read = <T>(name: string): T => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as T

interface Golden {
  readonly keys: readonly {
    readonly comment: string
    readonly hex: string
    readonly didKey: string
    readonly x?: string
    readonly kid?: string
    readonly defaultKeyId?: string
    readonly thumbprint?: string
    readonly spki?: string
    readonly d?: string
  }[]
  readonly notKeys: readonly { readonly comment: string; readonly did: string }[]
  readonly documentHashes: readonly { readonly comment: string; readonly document: unknown; readonly hash: string }[]
  readonly handshakeProof: { readonly nonce: string; readonly kid: string; readonly jws: string }
}

const golden = read<Golden>('golden.json')

describe('the golden values', () => {
  it.each(golden.keys)('of the key $didKey', (key) => {
    const bytes = new Uint8Array(Buffer.from(key.hex, 'hex'))
    expect(parseDidKey(key.didKey)).toEqual(bytes)
    expect(toDidKey(bytes)).toBe(key.didKey)
    if (key.x) expect(parsePublicJwk({ kty: 'OKP', crv: 'Ed25519', x: key.x })).toEqual(bytes)
    if (key.kid) expect(didKeyKid(key.didKey)).toBe(key.kid)
    if (key.defaultKeyId) expect(defaultKeyId(bytes)).toBe(key.defaultKeyId)
    if (key.thumbprint) expect(keyThumbprint(bytes)).toBe(key.thumbprint)
    if (key.spki) expect(toPublicKeyPem(bytes)).toContain(key.spki)
    if (key.d) expect(createNodeEd25519Signer(Buffer.from(key.d, 'base64url')).publicKey).toEqual(bytes)
  })

  it.each(golden.notKeys)('leave no key in $did ($comment)', ({ did }) => {
    expect(refusalOf(() => parseDidKey(did))).toMatch(/^DidRefused (?:DID_MALFORMED|KEY_WEAK)$/)
  })

  it.each(golden.documentHashes)('of $comment', ({ document, hash }) => {
    expect(`sha256:${sha256Base64url(canonicalJson(document))}`).toBe(hash)
  })

  it('of a handshake proof', () => {
    const seed = Buffer.from(golden.keys[0]?.d ?? '', 'base64url')
    const { nonce, kid, jws } = golden.handshakeProof
    const serverDid = golden.keys[0]?.didKey ?? ''
    const answer = { nonce, serverDid, kid, audience: 'stdio', method: 'initialize', nowMs: 0 }
    expect(signPossession(answer, createNodeEd25519Signer(seed)).signature).toBe(jws)
  })
})

interface DidWebVector {
  readonly comment: string
  readonly did: string
  readonly url: string | null
}

describe('the places of did:web documents', () => {
  const { vectors } = read<{ vectors: DidWebVector[] }>('did-web.json')

  it.each(vectors)('$did ($comment)', ({ did, url }) => {
    const located = (): string | null => {
      try {
        return locateDidWeb(parseDidWeb(did), { namespaces: new Map(), allowLocalhost: false })?.url ?? null
      } catch (refused) {
        if (refused instanceof DidRefused) return null
        throw refused
      }
    }
    expect(located()).toBe(url)
  })
})

interface StatusVectors {
  readonly jti: string
  readonly subject: string
  readonly answers: readonly {
    readonly id: string
    readonly comment: string
    readonly question: 'badge' | 'agent'
    readonly status: number
    readonly body: string
    readonly expected: 'good' | 'bad' | 'failed'
  }[]
  readonly matrix: readonly (Omit<StatusKnowledge, 'badIsFinal'> & {
    readonly id: string
    readonly comment: string
    readonly failOpen: boolean
    readonly staleAtLevelOne: boolean
    readonly expected: string
  })[]
}

describe('what an issuer says about a badge', () => {
  const { jti, subject, answers, matrix } = read<StatusVectors>('status.json')

  it.each(answers)('$id: $comment', async ({ question, status, body, expected }) => {
    const http = {
      send: async () => ({
        status,
        headers: new Map([['content-type', 'application/json']]),
        body: new TextEncoder().encode(body),
      }),
    }
    const issuer = 'https://registry.capisc.invalid'
    const live = createLiveStatus({
      issuer,
      api: createIssuerApi({ http, baseUrl: issuer, timeoutMs: 1000, maxInFlight: 1 }),
      clock: createFixedClock(0),
      maxAgeMs: 1000,
      maxEntries: 1,
      onAsked: () => undefined,
    })
    const reply = await (question === 'badge' ? live.badges.ask(jti) : live.agents.ask(subject))
    expect(reply.live).toBe(expected)
  })

  it.each(matrix)('$id: $comment', ({ mode, level, live, remembered, failOpen, staleAtLevelOne, expected }) => {
    const verdict = statusVerdict({ mode, level, live, remembered, badIsFinal: true }, { failOpen, staleAtLevelOne })
    const names: Record<string, string> = { good: 'ACCEPT', bad: 'BADGE_REVOKED', unknown: 'REVOCATION_CHECK_FAILED' }
    expect(names[verdict] ?? 'ACCEPT_WITH_WARNING').toBe(expected)
  })
})
