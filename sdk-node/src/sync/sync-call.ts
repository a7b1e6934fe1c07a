import { CoreTimeoutError } from '@capiscio/proto/sdk'
import { createSyncFn } from 'synckit'
import type { CoreClientOptions } from '../core-client.ts'
import { unpackError } from './pack-error.ts'
import type { CoreJob, SyncAnswer, SyncCore, SyncJob } from './sync-job.ts'

/** Which core a synchronous call asks. */
export interface SyncCallOptions {
  /** Milliseconds until the question is given up. Default: the client's, 10 000. */
  readonly timeoutMs?: number | undefined
  /**
   * The core, as for `createCoreClient`. Default: that of the environment. The worker has a
   * client of its own, and a core of its own where it is embedded.
   */
  readonly core?: CoreClientOptions | undefined
}

/**
 * Longest that a thread is blocked, whatever happens to the worker: longer than all limits
 * that the worker itself keeps.
 */
const LAST_RESORT_MS = 180_000

let call: ((job: SyncJob) => SyncAnswer) | undefined

/**
 * Has a worker do a job and blocks this thread until it is done. The worker has an event loop
 * of its own, so this works inside a running one, too. A core that runs on this very thread
 * could not answer: use one in another process.
 */
export function callSync(job: SyncJob): unknown {
  call ??= createSyncFn<(job: SyncJob) => Promise<SyncAnswer>>(new URL('./sync-worker.js', import.meta.url), {
    timeout: LAST_RESORT_MS,
  })
  const answer = ask(job, call)
  if (!answer.ok) throw unpackError(answer.error)
  return answer.value
}

/** Asks a core and blocks this thread. */
export function callCoreSync(kind: CoreJob['kind'], request: Uint8Array, options: SyncCallOptions): Uint8Array {
  const { timeoutMs, core = {} } = options
  return callSync({ kind, request, timeoutMs, core: { options: core, environment: environment() } }) as Uint8Array
}

function ask(job: SyncJob, blocked: (job: SyncJob) => SyncAnswer): SyncAnswer {
  try {
    return blocked(job)
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'DataCloneError') {
      throw new TypeError(
        'An option of a synchronous call cannot be handed to its worker: functions are not options here.',
      )
    }
    throw new CoreTimeoutError('The worker of synchronous calls did not answer; the tool was not run.', { cause })
  }
}

function environment(): SyncCore['environment'] {
  const own: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (name.startsWith('CAPISCIO_') && value !== undefined) own[name] = value
  }
  return own
}
