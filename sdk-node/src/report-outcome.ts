import { create } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import type { RecordOutcomeRequest } from '@capiscio/proto/core/v1'
import { CallResult, RecordOutcomeRequestSchema } from '@capiscio/proto/core/v1'
import { CapiscioError, isPlainObject, MethodUnimplementedError } from '@capiscio/proto/sdk'
import type { CoreClient } from './client.ts'
import { computeParamsHash } from './params-hash.ts'

/** Reports of one client that may be without an answer. A core that is slower loses the newest. */
const MAX_UNDER_WAY = 1_024

/** How the handler ended. */
export type Ended = { readonly result: unknown } | { readonly failed: true }

/** Reports without an answer, for each client; absent for a client whose core takes none. */
const underWay = new WeakMap<CoreClient, number>()
const takesNone = new WeakSet<CoreClient>()
const warned = new Set<string>()

/**
 * Tells the core what an allowed call did, in the background. Whatever becomes of the
 * report, the caller of the tool gets what the handler gave; a report that is lost is told
 * once as a process warning. Disposing the client waits for reports under way.
 */
export function reportOutcome(client: CoreClient, evidenceId: string, ended: Ended, durationMs: number): void {
  if (client.recordOutcome === undefined || takesNone.has(client)) return
  const count = underWay.get(client) ?? 0
  if (count >= MAX_UNDER_WAY) {
    warn('CAPISCIO_OUTCOMES_LOST', `More than ${MAX_UNDER_WAY} outcomes wait for the core: some are not recorded.`)
    return
  }
  underWay.set(client, count + 1)
  // Called, not awaited: the request is on its way, or refused, before this returns.
  sent(client, toOutcomeRequest(evidenceId, ended, durationMs))
    .catch((error: unknown) => {
      if (error instanceof MethodUnimplementedError) takesNone.add(client)
      else {
        const code = error instanceof CapiscioError ? error.code : 'CLIENT_FAILED'
        // Its text is about decisions and would mislead here.
        warn(`CAPISCIO_OUTCOME_${code}`, `The outcome of the call ${evidenceId} was not recorded (${code}).`)
      }
    })
    .finally(() => underWay.set(client, (underWay.get(client) ?? 1) - 1))
}

async function sent(client: CoreClient, request: RecordOutcomeRequest): Promise<void> {
  await client.recordOutcome?.(request)
}

/** The message that reports how a call ended. */
export function toOutcomeRequest(evidenceId: string, ended: Ended, durationMs: number): RecordOutcomeRequest {
  const failed = 'failed' in ended || isToolError(ended.result)
  return create(RecordOutcomeRequestSchema, {
    evidenceId,
    result: failed ? CallResult.ERROR : CallResult.OK,
    duration: durationFromMs(Math.round(durationMs)),
    resultHash: 'failed' in ended ? '' : hashOfJson(ended.result),
  })
}

/** MCP tools report their own failures as a result that says so. */
function isToolError(result: unknown): boolean {
  return isPlainObject(result) && result['isError'] === true
}

/** Streams, class instances and the like have no JSON form, and no hash. */
function hashOfJson(result: unknown): string {
  try {
    return computeParamsHash(result)
  } catch {
    return ''
  }
}

function warn(code: string, message: string): void {
  if (warned.has(code)) return
  warned.add(code)
  process.emitWarning(message, { code })
}
