import { toBinary } from '@bufbuild/protobuf'
import { RecordOutcomeRequestSchema } from '@capiscio/proto/core/v1'
import { anySignal, getAbortSignal, throwIfAborted } from '../abort-signal.ts'
import { captureCall } from '../captured-call.ts'
import { getCredential } from '../credential.ts'
import { runAllowed } from '../current-decision.ts'
import type { Handler } from '../guard.ts'
import { GuardError } from '../guard-error.ts'
import { decideGuardOptions, type GuardOptions } from '../guard-options.ts'
import { hashJsonCopy } from '../params-hash.ts'
import { type Ended, toOutcomeRequest } from '../report-outcome.ts'
import { getServerOrigin } from '../server-origin.ts'
import { askCoreSync } from './ask-core-sync.ts'
import { callCoreSync, type SyncCallOptions } from './sync-call.ts'

/** Options of `guardSync`. */
export interface GuardSyncOptions<Args extends readonly unknown[] = never[]>
  extends Omit<GuardOptions<Args>, 'client'>,
    Pick<SyncCallOptions, 'core'> {}

/**
 * `guard` for a handler that answers at once: the call blocks this thread while a worker asks the
 * core, and everything else on this thread waits too. Works inside a running event loop. Where
 * the caller can wait for a promise, `guard` is the better choice.
 *
 * The same arguments are hashed and the same errors thrown as by `guard`. A handler that gives
 * a promise is refused when it does so: its outcome is not known when the call returns.
 *
 * @throws TypeError at once for wrong options, or a handler without a name and no `tool`.
 */
export function guardSync<H extends Handler>(handler: H): H
export function guardSync<H extends Handler>(options: GuardSyncOptions<Parameters<H>>, handler: H): H
export function guardSync(first: unknown, second?: Handler): unknown {
  const [given, handler] = typeof first === 'function' && second === undefined ? [{}, first] : [first, second]
  if (typeof handler !== 'function') throw new TypeError('guardSync needs the handler: guardSync(options, handler).')
  const { core, options } = withoutCore(given)
  const decided = decideGuardOptions(options, handler.name)
  if (decided.client !== undefined) throw new TypeError('guardSync takes core and no client: a worker asks.')
  const { toolName, config, params, timeoutMs } = decided

  function guarded(this: unknown, ...args: unknown[]): unknown {
    const call = captureCall(args, params)
    const signal = anySignal([getAbortSignal(), decided.signal?.(...args) as AbortSignal | undefined])
    const question = {
      toolName,
      paramsHash: hashJsonCopy(call.params),
      credential: getCredential(),
      serverOrigin: getServerOrigin(),
      config,
      signal,
      timeoutMs,
      traceparent: decided.traceparent?.(...args),
    }
    const decision = askCoreSync(question, core)
    if (decision.outcome !== 'ALLOW') throw new GuardError(toolName, decision)
    throwIfAborted(signal, decision.evidenceId)
    const startedMs = performance.now()
    const report = (ended: Ended): void => {
      if (!decided.reportOutcome) return
      const request = toOutcomeRequest(decision.evidenceId, ended, performance.now() - startedMs)
      try {
        callCoreSync('recordOutcome', toBinary(RecordOutcomeRequestSchema, request), { core })
      } catch {
        // The tool has run: what it gave must reach the caller.
      }
    }
    let result: unknown
    try {
      result = runAllowed(decision, () => Reflect.apply(handler as (...given: unknown[]) => unknown, this, call.args))
    } catch (error) {
      report({ failed: true })
      throw error
    }
    if (result instanceof Promise) {
      result.catch(() => undefined)
      throw new TypeError('guardSync guards handlers that answer at once, and this one gave a promise: use guard.')
    }
    report({ result })
    return result
  }

  Object.defineProperty(guarded, 'name', { value: handler.name, configurable: true })
  Object.defineProperty(guarded, 'length', { value: handler.length, configurable: true })
  return guarded
}

/** `core` is the one option that `guard` does not have. */
function withoutCore(given: unknown): { readonly core: SyncCallOptions['core']; readonly options: unknown } {
  if (typeof given !== 'object' || given === null) return { core: undefined, options: given }
  const { core, ...options } = given as GuardSyncOptions
  return { core, options }
}
