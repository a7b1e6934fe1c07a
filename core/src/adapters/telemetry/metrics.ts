import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/**
 * Every metric of the core. Labels hold few fixed values: never a tool, a DID or an id.
 * docs/operations.md lists them for operators.
 */
export interface Metrics {
  readonly registry: Registry
  readonly decisions: Counter<'outcome' | 'reason'>
  readonly decisionSeconds: Histogram
  readonly requestsRefused: Counter<'method' | 'status'>
  readonly connectionsRefused: Counter<'listener' | 'reason'>
  readonly faults: Counter<'where'>
  readonly badgeCacheLookups: Counter<'result'>
  readonly evidenceCommits: Counter
  readonly evidenceCommitRecords: Histogram
  readonly evidenceCommitSeconds: Histogram
  readonly evidenceRecords: Counter
  readonly evidenceWritable: Gauge
  readonly evidenceFreeBytes: Gauge
  readonly evidenceTailsQuarantined: Counter
  readonly revocationSyncs: Counter<'issuer' | 'outcome'>
  readonly revocationEntries: Gauge<'issuer'>
  readonly revocationSyncedAt: Gauge<'issuer'>
  readonly statusCalls: Counter<'question' | 'outcome'>
  readonly outboundRequests: Counter<'purpose' | 'outcome'>
  readonly outboundSeconds: Histogram<'purpose'>
  readonly issuerKeyFetches: Counter<'outcome'>
  readonly issuerKeysAgeSeconds: Gauge
  readonly issuersWithoutKeys: Gauge
  readonly evidencePublishedSize: Gauge
  readonly evidencePublishSeconds: Histogram
  readonly evidenceIndexBehind: Gauge
  readonly evidenceIndexRebuilds: Counter
  readonly reloads: Counter<'outcome'>
  readonly outcomes: Counter<'result'>
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'capiscio_' })
  const registers = [registry]
  return {
    registry,
    decisions: new Counter({
      name: 'capiscio_decisions_total',
      help: 'Tool access decisions, by outcome and reason.',
      labelNames: ['outcome', 'reason'],
      registers,
    }),
    decisionSeconds: new Histogram({
      name: 'capiscio_decision_seconds',
      help: 'Time from request to durable decision.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    requestsRefused: new Counter({
      name: 'capiscio_requests_refused_total',
      help: 'Requests answered with a gRPC status instead of a decision.',
      labelNames: ['method', 'status'],
      registers,
    }),
    connectionsRefused: new Counter({
      name: 'capiscio_connections_refused_total',
      help: 'Connections closed before any call, by listener (tcp, socket, web) and reason (limit, tls, protocol).',
      labelNames: ['listener', 'reason'],
      registers,
    }),
    faults: new Counter({
      name: 'capiscio_faults_total',
      help: 'Unexpected faults that were turned into a denial or an INTERNAL status.',
      labelNames: ['where'],
      registers,
    }),
    badgeCacheLookups: new Counter({
      name: 'capiscio_badge_cache_lookups_total',
      help: 'Lookups in the verified-badge cache, by result (hit, miss).',
      labelNames: ['result'],
      registers,
    }),
    evidenceCommits: new Counter({
      name: 'capiscio_evidence_commits_total',
      help: 'Batches of records made durable with one sync.',
      registers,
    }),
    evidenceCommitRecords: new Histogram({
      name: 'capiscio_evidence_commit_records',
      help: 'Records per batch.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
      registers,
    }),
    evidenceCommitSeconds: new Histogram({
      name: 'capiscio_evidence_commit_seconds',
      help: 'Time to write and sync one batch.',
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2],
      registers,
    }),
    evidenceRecords: new Counter({
      name: 'capiscio_evidence_records_total',
      help: 'Records made durable.',
      registers,
    }),
    evidenceWritable: new Gauge({
      name: 'capiscio_evidence_writable',
      help: '1 while records can be written, 0 after the log has failed.',
      registers,
    }),
    evidenceFreeBytes: new Gauge({
      name: 'capiscio_evidence_free_bytes',
      help: 'Bytes that may still be written to the file system of the evidence log.',
      registers,
    }),
    evidencePublishedSize: new Gauge({
      name: 'capiscio_evidence_published_size',
      help: 'Records under the published checkpoint.',
      registers,
    }),
    evidencePublishSeconds: new Histogram({
      name: 'capiscio_evidence_publish_seconds',
      help: 'Time to write tiles, bundles and checkpoint of one publication.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    evidenceTailsQuarantined: new Counter({
      name: 'capiscio_evidence_tails_quarantined_total',
      help: 'Torn journal tails moved to quarantine at start.',
      registers,
    }),
    outboundRequests: new Counter({
      name: 'capiscio_outbound_requests_total',
      help: 'HTTP requests to issuers, registries and hosts of DIDs, by purpose and outcome.',
      labelNames: ['purpose', 'outcome'],
      registers,
    }),
    outboundSeconds: new Histogram({
      name: 'capiscio_outbound_seconds',
      help: 'Time from asking for an HTTP request to its end, waiting included.',
      labelNames: ['purpose'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    issuerKeyFetches: new Counter({
      name: 'capiscio_issuer_key_fetches_total',
      help: 'Fetches of key sets of issuers, by outcome (replaced, unchanged, failed).',
      labelNames: ['outcome'],
      registers,
    }),
    issuerKeysAgeSeconds: new Gauge({
      name: 'capiscio_issuer_keys_age_seconds',
      help: 'Age of the oldest fetched key set in use.',
      registers,
    }),
    issuersWithoutKeys: new Gauge({
      name: 'capiscio_issuers_without_keys',
      help: 'Issuers whose keys were never fetched since the start, or are too old to be used.',
      registers,
    }),
    revocationSyncs: new Counter({
      name: 'capiscio_revocation_syncs_total',
      help: 'Syncs of revocations, by configured issuer and outcome (complete, failed).',
      labelNames: ['issuer', 'outcome'],
      registers,
    }),
    revocationEntries: new Gauge({
      name: 'capiscio_revocation_entries',
      help: 'Revocations that are known, by configured issuer.',
      labelNames: ['issuer'],
      registers,
    }),
    revocationSyncedAt: new Gauge({
      name: 'capiscio_revocation_synced_timestamp_seconds',
      help: 'Unix time of the last complete sync of revocations, by configured issuer; its age is time() minus this.',
      labelNames: ['issuer'],
      registers,
    }),
    statusCalls: new Counter({
      name: 'capiscio_status_calls_total',
      help: 'Calls to issuers about one badge or agent, by question (badge, agent) and outcome (good, bad, failed).',
      labelNames: ['question', 'outcome'],
      registers,
    }),
    evidenceIndexBehind: new Gauge({
      name: 'capiscio_evidence_index_behind',
      help: 'Durable records that the index does not hold yet.',
      registers,
    }),
    evidenceIndexRebuilds: new Counter({
      name: 'capiscio_evidence_index_rebuilds_total',
      help: 'Times the index was made anew from the log.',
      registers,
    }),
    reloads: new Counter({
      name: 'capiscio_reloads_total',
      help: 'Times the files that decide were read again, by outcome (applied, refused).',
      labelNames: ['outcome'],
      registers,
    }),
    outcomes: new Counter({
      name: 'capiscio_outcomes_total',
      help: 'Outcomes of allowed calls that were recorded, by result (ok, error).',
      labelNames: ['result'],
      registers,
    }),
  }
}
