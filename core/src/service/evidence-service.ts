import type { MessageInitShape } from '@bufbuild/protobuf'
import { type EvidenceEntrySchema, EvidenceService } from '@capiscio/proto/core/v1'
import { EvidenceOverloaded, EvidenceUnavailable } from '../domain/evidence/evidence-errors.ts'
import { type EvidenceSearch, PageTokenRefused } from '../domain/evidence/evidence-search.ts'
import { IndexUnavailable } from '../domain/evidence/index-follower.ts'
import { type OutcomeRecorder, type OutcomeRefusalCode, OutcomeRefused } from '../domain/evidence/outcome-recorder.ts'
import type { StoredEntry } from '../domain/evidence/read-entries.ts'
import { formatReceipt } from '../domain/evidence/receipt.ts'
import type { EvidenceReader } from '../ports/evidence-reader.ts'
import { decodeGetRecord, decodeOutcome, decodeQuery } from './decode-evidence-requests.ts'
import { invalidArgument, type RpcCode, RpcFault } from './rpc-fault.ts'
import { implementService } from './service-implementation.ts'
import type { WatchEntries } from './watch-entries.ts'

/** Pauses that callers do well to make, in milliseconds. */
const OVERLOAD_RETRY_MS = 250
const INDEX_RETRY_MS = 5_000

const OUTCOME_STATUS: Readonly<Record<OutcomeRefusalCode, RpcCode>> = {
  DECISION_UNKNOWN: 'NOT_FOUND',
  DECISION_NOT_ALLOW: 'FAILED_PRECONDITION',
  OUTCOME_EXISTS: 'ALREADY_EXISTS',
}

export interface EvidenceServiceOptions {
  readonly reader: EvidenceReader
  readonly search: EvidenceSearch
  readonly outcomes: OutcomeRecorder
  readonly watch: WatchEntries
}

/** `capiscio.core.v1.EvidenceService`. */
export function createEvidenceService({ reader, search, outcomes, watch }: EvidenceServiceOptions) {
  return implementService(
    EvidenceService,
    {
      async getRecord({ key }) {
        const wanted = decodeGetRecord(key)
        return translated(async () => {
          const record = typeof wanted === 'string' ? await search.byId(wanted) : await search.byIndex(wanted)
          // The checkpoint is taken once: its size is what the proof is for.
          const { size } = reader
          const checkpoint = reader.checkpoint()
          if (record === undefined || checkpoint === undefined || record.index >= size) {
            const what = typeof wanted === 'string' ? `evidence id ${wanted}` : `index ${wanted}`
            throw new RpcFault('NOT_FOUND', `The log ${reader.origin} has no record with the ${what}.`)
          }
          const proof = await reader.inclusionProof(record.index, size)
          return {
            entry: encodeEntry(record),
            logOrigin: reader.origin,
            receipt: formatReceipt({ index: record.index, proof, checkpoint }),
          }
        })
      },

      async query(message) {
        const { filter, token, limit } = decodeQuery(message)
        return translated(async () => {
          const { records, nextPageToken } = await search.page(filter, { token, limit })
          return { entries: records.map(encodeEntry), nextPageToken }
        })
      },

      async getCheckpoint() {
        const checkpoint = reader.checkpoint()
        if (checkpoint === undefined) {
          throw new RpcFault('NOT_FOUND', `The log ${reader.origin} is empty and has no checkpoint yet.`)
        }
        return { checkpoint: new TextDecoder().decode(checkpoint), vkey: reader.vkey }
      },

      async recordOutcome(message) {
        const outcome = decodeOutcome(message)
        return translated(async () => {
          const { id, index } = await outcomes.record(outcome)
          return { evidenceId: id, leafIndex: BigInt(index) }
        })
      },
    },
    {},
    {
      async *watch({ fromIndex }, context) {
        for await (const entries of watch(fromIndex, context)) yield { entries: entries.map(encodeEntry) }
      },
    },
  )
}

function encodeEntry({ index, leaf }: StoredEntry): MessageInitShape<typeof EvidenceEntrySchema> {
  return { leafIndex: BigInt(index), leaf }
}

/** What the domain refuses, as the status that tells the caller what to do. */
async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (thrown) {
    if (thrown instanceof OutcomeRefused) {
      throw new RpcFault(OUTCOME_STATUS[thrown.code], thrown.message, { cause: thrown })
    }
    if (thrown instanceof PageTokenRefused) {
      throw invalidArgument([{ field: 'page_token', description: thrown.message }])
    }
    if (thrown instanceof EvidenceOverloaded) {
      throw new RpcFault('UNAVAILABLE', thrown.message, { cause: thrown, retryAfterMs: OVERLOAD_RETRY_MS })
    }
    if (thrown instanceof IndexUnavailable) {
      throw new RpcFault('UNAVAILABLE', thrown.message, { cause: thrown, retryAfterMs: INDEX_RETRY_MS })
    }
    if (thrown instanceof EvidenceUnavailable) {
      throw new RpcFault('UNAVAILABLE', 'The evidence log takes no records. Its operator must restart the core.', {
        cause: thrown,
      })
    }
    throw thrown
  }
}
