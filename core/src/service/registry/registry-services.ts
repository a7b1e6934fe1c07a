import type { VerifiedBadge } from '../../domain/badge/badge-verifier.ts'
import type { AccessKeys } from '../../domain/registry/access-keys.ts'
import type { Caller } from '../../domain/registry/caller.ts'
import type { Issuance } from '../../domain/registry/issuance.ts'
import type { IssuedBadges } from '../../domain/registry/issued-badges.ts'
import type { Subjects } from '../../domain/registry/subjects.ts'

/** What the HTTP API of a registry stands on. */
export interface RegistryServices {
  readonly issuer: string
  readonly subjects: Subjects
  readonly issuance: Issuance
  readonly badges: IssuedBadges
  readonly accessKeys: AccessKeys
  /** Proves a badge of this registry, whatever its audience. Throws `BadgeRefused`. */
  verifyBadge(token: string): Promise<VerifiedBadge>
  /** Who presents a badge for the registry's own API. Throws `RegistryRefused` unauthorized. */
  authenticateBadge(token: string): Promise<Caller>
  /** The key set, as published now. */
  jwks(): object
  /** The document of a subject in the registry's own namespace; `undefined` where there is none. */
  didDocument(kind: 'agent' | 'server', id: string): Promise<object | undefined>
  /** What keeps the registry from answering; empty when it is ready. */
  notReadyReasons(): Promise<readonly string[]>
  /** Requests must say their mode; otherwise it is inferred, as older clients need it (registry.md §3). */
  readonly requireMode: boolean
  /** The registry is behind a proxy, which says in `X-Forwarded-For` who the client is. */
  readonly behindProxy: boolean
  /** Milliseconds since the Unix epoch. */
  nowMs(): number
  report(event: RegistryRequestEvent): void
}

export type RegistryRequestEvent =
  | { readonly kind: 'answered'; readonly method: string; readonly route: string; readonly status: number }
  | { readonly kind: 'fault'; readonly cause: unknown }
  | { readonly kind: 'deprecated'; readonly what: string }
