import type { Logger } from 'pino'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Metrics } from './metrics.ts'

/** Feeds the log and the metrics together, one method per event. */
export function createTelemetry(logger: Logger, metrics: Metrics): Telemetry {
  metrics.evidenceWritable.set(1)
  let isSpaceLow = false
  return {
    decided({ outcome, reason, tool, principal, badgeJti, evidenceId, durationMs }) {
      metrics.decisions.inc({ outcome, reason })
      metrics.decisionSeconds.observe(durationMs / 1000)
      logger.debug({ event: 'decided', outcome, reason, tool, principal, badgeJti, evidenceId, durationMs })
    },
    requestRefused({ method, status }) {
      metrics.requestsRefused.inc({ method, status })
      logger.debug({ event: 'request_refused', method, status })
    },
    connectionRefused({ listener, reason }) {
      metrics.connectionsRefused.inc({ listener, reason })
      logger.debug({ event: 'connection_refused', listener, reason })
    },
    fault({ where, cause }) {
      metrics.faults.inc({ where })
      logger.error({ event: 'fault', where, err: cause })
    },
    badgeCache({ hit }) {
      metrics.badgeCacheLookups.inc({ result: hit ? 'hit' : 'miss' })
    },
    evidenceCommitted({ records, bytes, durationMs }) {
      metrics.evidenceCommits.inc()
      metrics.evidenceRecords.inc(records)
      metrics.evidenceCommitRecords.observe(records)
      metrics.evidenceCommitSeconds.observe(durationMs / 1000)
      logger.trace({ event: 'evidence_committed', records, bytes, durationMs })
    },
    evidencePublished({ size, entries, durationMs }) {
      metrics.evidencePublishedSize.set(size)
      metrics.evidencePublishSeconds.observe(durationMs / 1000)
      logger.trace({ event: 'evidence_published', size, entries, durationMs })
    },
    evidenceFailed({ cause }) {
      metrics.evidenceWritable.set(0)
      logger.fatal(
        { event: 'evidence_failed', err: cause },
        'The evidence log cannot be written. Every decision is denied until the core is restarted.',
      )
    },
    evidenceSpace({ freeBytes, isLow }) {
      metrics.evidenceFreeBytes.set(freeBytes)
      // Once for each time that it gets low: it is looked at every half minute.
      if (isLow && !isSpaceLow) {
        logger.warn(
          { event: 'evidence_space_low', freeBytes },
          'The disk of the evidence log is almost full. When it is full, every decision is denied: free space now.',
        )
      }
      isSpaceLow = isLow
    },
    evidenceTailQuarantined({ segment, bytes }) {
      metrics.evidenceTailsQuarantined.inc()
      logger.warn({ event: 'evidence_tail_quarantined', segment, bytes }, 'A torn journal tail was put to quarantine.')
    },
    outboundCalled({ purpose, outcome, durationMs }) {
      metrics.outboundRequests.inc({ purpose, outcome })
      metrics.outboundSeconds.observe({ purpose }, durationMs / 1000)
      logger.debug({ event: 'outbound_called', purpose, outcome, durationMs })
    },
    issuerKeysFetched({ issuer, outcome, reason }) {
      metrics.issuerKeyFetches.inc({ outcome })
      if (outcome === 'failed') logger.warn({ event: 'issuer_keys_failed', issuer, reason }, 'Keys cannot be fetched.')
      else logger.debug({ event: 'issuer_keys_fetched', issuer, outcome })
    },
    issuerKeysAged({ oldestAgeMs, issuersWithoutKeys }) {
      metrics.issuerKeysAgeSeconds.set(oldestAgeMs / 1000)
      metrics.issuersWithoutKeys.set(issuersWithoutKeys)
    },
    revocationsSynced({ issuer, outcome, entries, syncedAtMs, reason }) {
      metrics.revocationSyncs.inc({ issuer, outcome })
      metrics.revocationEntries.set({ issuer }, entries)
      if (syncedAtMs !== undefined) metrics.revocationSyncedAt.set({ issuer }, syncedAtMs / 1000)
      if (outcome === 'complete') logger.debug({ event: 'revocations_synced', issuer, entries, syncedAtMs })
      else
        logger.warn({ event: 'revocations_not_synced', issuer, syncedAtMs, reason }, 'Revocations could not be synced.')
    },
    statusAsked({ question, outcome }) {
      metrics.statusCalls.inc({ question, outcome })
    },
    evidenceIndexed({ records, behind }) {
      metrics.evidenceIndexBehind.set(behind)
      logger.trace({ event: 'evidence_indexed', records, behind })
    },
    evidenceIndexRebuilt({ cause }) {
      metrics.evidenceIndexRebuilds.inc()
      logger.warn({ event: 'evidence_index_rebuilt', err: cause }, 'The evidence index is made anew from the log.')
    },
    reloaded(event) {
      metrics.reloads.inc({ outcome: event.outcome })
      if (event.outcome === 'applied') logger.info({ event: 'reloaded', policyVersion: event.policyVersion })
      else logger.error({ event: 'reload_refused', err: event.cause }, 'Everything stays as it was.')
    },
    outcomeRecorded({ result }) {
      metrics.outcomes.inc({ result })
    },
    warning({ code, message }) {
      logger.warn({ event: 'warning', code }, message)
    },
  }
}
