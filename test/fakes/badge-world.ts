import { createNodeEd25519Verifier } from '../../core/src/adapters/crypto/node-ed25519.ts'
import type { AudienceDemand } from '../../core/src/domain/badge/audience.ts'
import {
  type BadgeDemands,
  type BadgeVerifier,
  type BadgeVerifierOptions,
  createBadgeVerifier,
} from '../../core/src/domain/badge/badge-verifier.ts'
import type { VerificationRules, VerificationSources } from '../../core/src/domain/badge/verify-badge.ts'
import { toDidKey } from '../../core/src/domain/did/did-key.ts'
import { toMultibaseKey } from '../../core/src/domain/did/multibase-key.ts'
import { createIssuerKeySets } from '../../core/src/domain/trust/issuer-key-sets.ts'
import { createTrustedIssuers, type TrustConfiguration } from '../../core/src/domain/trust/trusted-issuers.ts'
import type { Ed25519Verifier } from '../../core/src/ports/ed25519.ts'
import type { Es256Verifier } from '../../core/src/ports/es256.ts'
import { createFixedClock, type FixedClock } from './fixed-clock.ts'
import { createFakeIssuer, type FakeIssuer } from './issuer.ts'
import { createMemoryBadgeStatus, type MemoryBadgeStatus } from './memory-badge-status.ts'
import { createMemoryDidDocuments, type MemoryDidDocuments } from './memory-did-documents.ts'
import { createMemoryIssuerKeys, type MemoryIssuerKeys } from './memory-issuer-keys.ts'

export const ISSUER = 'https://registry.example.com'
export const SUBJECT = 'did:web:registry.example.com:agents:agent-1'
export const AUDIENCE = 'https://api.example.com'
export const JTI = '550e8400-e29b-41d4-a716-446655440000'
/** Whole seconds; `iat` of the sample badge and the start of the clock. */
export const NOW = 1_733_788_800

export const HEADER = { alg: 'EdDSA', typ: 'JWT', kid: 'ca-1' } as const

export type Payload = Record<string, unknown>

/** Everything around a badge verifier, in memory: one issuer, one agent, one clock. */
export interface BadgeWorld {
  readonly clock: FixedClock
  readonly ca: FakeIssuer
  readonly agent: FakeIssuer
  readonly agentDidKey: string
  readonly issuerKeys: MemoryIssuerKeys
  readonly status: MemoryBadgeStatus
  readonly didDocuments: MemoryDidDocuments
  readonly events: { readonly hits: boolean[]; readonly warnings: string[] }
  readonly ed25519: Ed25519Verifier & { readonly checks: number }
  /** Claims of a good level 2 badge at IAL 0, with changes; `undefined` takes a claim away. */
  payload(changes?: Payload): Payload
  /** The same at IAL 1. */
  confirmedPayload(changes?: Payload): Payload
  /** Claims of a good level 0 badge of the agent, with changes. */
  selfSignedPayload(changes?: Payload): Payload
  badge(changes?: Payload, header?: Payload): string
  selfSigned(changes?: Payload, header?: Payload): string
  verifier(options?: Partial<BadgeVerifierOptions>, es256?: Es256Verifier): BadgeVerifier
  /** What `verifyBadge` and `explainBadge` are given in this world. */
  sources(): VerificationSources
}

/** The rules that `verifier()` applies when nothing else is said. */
export const RULES: VerificationRules = { clockSkewMs: 60_000, rejectReservedIssuers: true, requireKey: true }

export function createBadgeWorld(): BadgeWorld {
  const clock = createFixedClock(NOW * 1000)
  const ca = createFakeIssuer('ca-1', 1)
  const agent = createFakeIssuer('agent', 2)
  const agentDidKey = toDidKey(agent.publicKey)
  const agentMultibase = toMultibaseKey(agent.publicKey)
  const key = { kty: 'OKP', crv: 'Ed25519', x: agent.jwk.x }
  const issuerKeys = createMemoryIssuerKeys()
  issuerKeys.publish(ISSUER, [ca.jwk])
  const didDocuments = createMemoryDidDocuments()
  didDocuments.documents.set(SUBJECT, didDocument(SUBJECT, agentMultibase))
  const status = createMemoryBadgeStatus()
  const events = { hits: [] as boolean[], warnings: [] as string[] }
  const native = createNodeEd25519Verifier({ maxKeys: 100 })
  let checks = 0
  const ed25519 = {
    get checks() {
      return checks
    },
    verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) {
      checks++
      return native.verify(publicKey, message, signature)
    },
  }

  const payload = (changes: Payload = {}): Payload => ({
    jti: JTI,
    iss: ISSUER,
    sub: SUBJECT,
    aud: [AUDIENCE],
    iat: NOW,
    exp: NOW + 300,
    ial: '0',
    key,
    vc: vcOf('2', { domain: 'agents.example.com' }),
    ...changes,
  })
  const selfSignedPayload = (changes: Payload = {}): Payload => ({
    ...payload({ iss: agentDidKey, sub: agentDidKey, aud: undefined, vc: vcOf('0') }),
    ...changes,
  })

  return {
    clock,
    ca,
    agent,
    agentDidKey,
    issuerKeys,
    status,
    didDocuments,
    events,
    ed25519,
    payload,
    confirmedPayload: (changes) => payload({ ial: '1', cnf: { kid: `${SUBJECT}#key-1` }, ...changes }),
    selfSignedPayload,
    badge: (changes, header) => ca.sign({ ...HEADER, ...header }, payload(changes)),
    selfSigned: (changes, header) =>
      agent.sign({ ...HEADER, kid: `${agentDidKey}#${agentMultibase}`, ...header }, selfSignedPayload(changes)),
    sources: () => ({ ed25519, issuerKeys: createIssuerKeySets(issuerKeys), status, didDocuments, clock }),
    verifier: (options, es256) =>
      createBadgeVerifier({
        ed25519,
        ...(es256 !== undefined && { es256 }),
        issuerKeys,
        status,
        didDocuments,
        clock,
        telemetry: {
          badgeCache: ({ hit }) => void events.hits.push(hit),
          warning: ({ code }) => void events.warnings.push(code),
        },
        options: {
          cacheMaxEntries: 1000,
          cacheMaxBytes: 10_000_000,
          rejectReservedIssuers: true,
          requireKey: true,
          ...options,
        },
      }),
  }
}

/** The `vc` claim of a level. */
export function vcOf(level: unknown, subject: Payload = {}): Payload {
  return { type: ['VerifiableCredential', 'AgentIdentity'], credentialSubject: { ...subject, level } }
}

export function didDocument(did: string, publicKeyMultibase: string): string {
  const id = `${did}#key-1`
  return JSON.stringify({
    id: did,
    verificationMethod: [{ id, type: 'Ed25519VerificationKey2020', controller: did, publicKeyMultibase }],
    authentication: [id],
  })
}

/** Demands that the sample badge meets. */
export function demandsOf(changes: Partial<TrustConfiguration & AudienceDemand> = {}): BadgeDemands {
  const { issuers = [ISSUER], levelZeroKeys = [], acceptLevelZero = false } = changes
  const { own = [AUDIENCE], required = false, alsoOneOf = [] } = changes
  return {
    issuers: createTrustedIssuers({ issuers, levelZeroKeys, acceptLevelZero }),
    audience: { own, required, alsoOneOf },
  }
}
