import { AuthLevel, DenyReason, Outcome } from '@capiscio/proto/core/v1'
import { describe, expect, it } from 'vitest'
import { createMetrics } from '../../core/src/adapters/telemetry/metrics.ts'
import { EXIT } from '../../core/src/cli/program.ts'
import { DENY_CODES } from '../../core/src/domain/guard/deny-reason.ts'

// What others depend on, frozen as literals. A change here is a change for users.

describe('deny reasons', () => {
  it('have these codes', () => {
    expect(DENY_CODES).toEqual({
      BADGE_MISSING: 'TOOL_AUTH_MISSING',
      API_KEY_UNKNOWN: 'TOOL_AUTH_MISSING',
      BADGE_MALFORMED: 'TOOL_BADGE_INVALID',
      BADGE_CLAIMS_INVALID: 'TOOL_BADGE_INVALID',
      BADGE_SIGNATURE_INVALID: 'TOOL_BADGE_INVALID',
      BADGE_NOT_YET_VALID: 'TOOL_BADGE_INVALID',
      BADGE_AUDIENCE_MISMATCH: 'TOOL_BADGE_INVALID',
      STATUS_CHECK_FAILED: 'TOOL_BADGE_INVALID',
      BADGE_EXPIRED: 'TOOL_BADGE_INVALID',
      BADGE_REVOKED: 'TOOL_BADGE_REVOKED',
      AGENT_DISABLED: 'TOOL_BADGE_REVOKED',
      TRUST_INSUFFICIENT: 'TOOL_TRUST_INSUFFICIENT',
      IAL_INSUFFICIENT: 'TOOL_TRUST_INSUFFICIENT',
      TOOL_NOT_ALLOWED: 'TOOL_NOT_ALLOWED',
      ISSUER_UNTRUSTED: 'TOOL_ISSUER_UNTRUSTED',
      POLICY_DENIED: 'TOOL_POLICY_DENIED',
      SCOPE_INSUFFICIENT: 'TOOL_ENVELOPE_SCOPE',
      ENVELOPE_INVALID: 'TOOL_ENVELOPE_INVALID',
      ENVELOPE_EXPIRED: 'TOOL_ENVELOPE_EXPIRED',
      EVIDENCE_UNAVAILABLE: 'EVIDENCE_UNAVAILABLE',
      INTERNAL: 'INTERNAL',
    })
  })

  it('have the same names on the wire, each with its own number', () => {
    const { UNSPECIFIED, ...onWire } = DenyReason
    expect(UNSPECIFIED).toBe(0)
    expect(Object.keys(onWire).sort()).toEqual(Object.keys(DENY_CODES).sort())
    expect(new Set(Object.values(onWire)).size).toBe(21)
  })
})

describe('wire numbers', () => {
  it('of outcomes and authentication levels stay', () => {
    expect(Outcome).toEqual({ UNSPECIFIED: 0, ALLOW: 1, DENY: 2 })
    expect(AuthLevel).toEqual({ UNSPECIFIED: 0, ANONYMOUS: 1, API_KEY: 2, BADGE: 3, BADGE_ENVELOPE: 4 })
  })
})

describe('metrics', () => {
  it('have these names and labels', () => {
    const { registry } = createMetrics()
    const own = registry
      .getMetricsAsArray()
      .filter(({ name }) => !/_(process|nodejs)_/.test(name))
      .map((metric) => `${metric.name} ${'labelNames' in metric ? metric.labelNames : ''}`.trimEnd())
    expect(own.sort()).toEqual([
      'capiscio_badge_cache_lookups_total result',
      'capiscio_connections_refused_total listener,reason',
      'capiscio_decision_seconds',
      'capiscio_decisions_total outcome,reason',
      'capiscio_evidence_commit_records',
      'capiscio_evidence_commit_seconds',
      'capiscio_evidence_commits_total',
      'capiscio_evidence_free_bytes',
      'capiscio_evidence_index_behind',
      'capiscio_evidence_index_rebuilds_total',
      'capiscio_evidence_publish_seconds',
      'capiscio_evidence_published_size',
      'capiscio_evidence_records_total',
      'capiscio_evidence_tails_quarantined_total',
      'capiscio_evidence_writable',
      'capiscio_faults_total where',
      'capiscio_issuer_key_fetches_total outcome',
      'capiscio_issuer_keys_age_seconds',
      'capiscio_issuers_without_keys',
      'capiscio_outbound_requests_total purpose,outcome',
      'capiscio_outbound_seconds purpose',
      'capiscio_outcomes_total result',
      'capiscio_reloads_total outcome',
      'capiscio_requests_refused_total method,status',
      'capiscio_revocation_entries issuer',
      'capiscio_revocation_synced_timestamp_seconds issuer',
      'capiscio_revocation_syncs_total issuer,outcome',
      'capiscio_status_calls_total question,outcome',
    ])
  })
})

describe('exit codes', () => {
  it('stay', () => {
    expect(EXIT).toEqual({ ok: 0, failure: 1, usage: 2, evidence: 3 })
  })
})
