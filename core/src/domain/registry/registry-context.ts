import type { Clock } from '../../ports/clock.ts'
import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import type { Random } from '../../ports/random.ts'
import type { RegistryStore } from '../../ports/registry-store.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { CaKeyRoles } from './ca-keys.ts'
import type { ForgettingDidDocuments } from './own-did-documents.ts'
import type { RateGate } from './rate-limits.ts'
import type { SubjectNames } from './subject-names.ts'

/** What the parts of a registry share. */
export interface RegistryContext {
  readonly issuer: string
  readonly names: SubjectNames
  readonly store: RegistryStore
  readonly trail: AuditTrail
  readonly gate: RateGate
  /** What each CA key is for now. */
  readonly caKeys: () => CaKeyRoles
  /** Every did:web, those of the registry's own namespace included. */
  readonly didDocuments: ForgettingDidDocuments
  readonly ed25519: Ed25519Verifier
  readonly clock: Clock
  readonly random: Random
}
