import type { OutboundOutcome, OutboundPurpose } from './outbound-http.ts'

/**
 * What the domain reports about itself, one method per event. Implementations count and
 * log; they never throw, never block, and never see a credential.
 */
export interface Telemetry {
  /** One decision left the guard. */
  decided(event: DecidedEvent): void
  /** A request was refused before a decision, with its status and without a record. */
  requestRefused(event: { readonly method: string; readonly status: string }): void
  /** A connection was closed before any call: too many of them, no usable TLS, or another protocol than HTTP/2. */
  connectionRefused(event: { readonly listener: 'tcp' | 'socket' | 'web'; readonly reason: ConnectionRefusal }): void
  /** Something that should not happen did; the caller failed closed. */
  fault(event: { readonly where: string; readonly cause: unknown }): void
  /** A verified-badge cache lookup. */
  badgeCache(event: { readonly hit: boolean }): void
  /** A batch of records became durable. */
  evidenceCommitted(event: { readonly records: number; readonly bytes: number; readonly durationMs: number }): void
  /** Committed records became public files: tiles, bundles and the checkpoint of a tree of `size`. */
  evidencePublished(event: { readonly size: number; readonly entries: number; readonly durationMs: number }): void
  /** The evidence log refuses everything from now on. */
  evidenceFailed(event: { readonly cause: unknown }): void
  /** How much may still be written where the log is; `isLow` when that will not last. */
  evidenceSpace(event: { readonly freeBytes: number; readonly isLow: boolean }): void
  /** A torn tail was put to quarantine at start. */
  evidenceTailQuarantined(event: { readonly segment: string; readonly bytes: number }): void
  /** A request left through the outbound client, or was refused by it. */
  outboundCalled(event: {
    readonly purpose: OutboundPurpose
    readonly outcome: OutboundOutcome
    readonly durationMs: number
  }): void
  /** A key set was fetched, or could not be. `failed` names the reason; the last good set stays in use. */
  issuerKeysFetched(event: {
    readonly issuer: string
    readonly outcome: 'replaced' | 'unchanged' | 'failed'
    readonly reason?: string
  }): void
  /** How old fetched key sets are, looked at regularly. */
  issuerKeysAged(event: { readonly oldestAgeMs: number; readonly issuersWithoutKeys: number }): void
  /**
   * A sync of an issuer's revocations ended. `syncedAtMs` is when the last complete one was
   * true, in milliseconds since the Unix epoch; absent when there was none.
   */
  revocationsSynced(event: {
    readonly issuer: string
    readonly outcome: 'complete' | 'failed'
    readonly entries: number
    readonly syncedAtMs: number | undefined
    readonly reason?: string
  }): void
  /** An issuer was asked about one badge or agent. `good` means not revoked, or active. */
  statusAsked(event: { readonly question: 'badge' | 'agent'; readonly outcome: 'good' | 'bad' | 'failed' }): void
  /** Records were added to the index; `behind` durable ones are not in it yet. */
  evidenceIndexed(event: { readonly records: number; readonly behind: number }): void
  /** The index did not describe the log, or failed for `cause`, and is made anew from the log. */
  evidenceIndexRebuilt(event: { readonly cause: unknown }): void
  /** The files that decide were read again, and taken up as a whole or not at all. */
  reloaded(
    event:
      | { readonly outcome: 'applied'; readonly policyVersion: string }
      | { readonly outcome: 'refused'; readonly cause: unknown },
  ): void
  /** What an allowed call did was recorded. */
  outcomeRecorded(event: { readonly result: 'ok' | 'error' }): void
  /** Something an operator should know once, such as a badge without audience. */
  warning(event: { readonly code: string; readonly message: string }): void
}

export type ConnectionRefusal = 'limit' | 'tls' | 'protocol'

export interface DecidedEvent {
  readonly outcome: 'ALLOW' | 'DENY'
  /** Reason name, or `NONE` when allowed. */
  readonly reason: string
  readonly tool: string
  readonly principal: string
  readonly badgeJti: string | undefined
  readonly evidenceId: string
  readonly durationMs: number
}
