import { anySignal, getAbortSignal, throwIfAborted } from './abort-signal.ts'
import { askCore } from './ask-core.ts'
import { captureCall } from './captured-call.ts'
import { getCredential } from './credential.ts'
import { runAllowed } from './current-decision.ts'
import { getDefaultCoreClient } from './default-client.ts'
import { GuardError } from './guard-error.ts'
import type { GuardOptions } from './guard-options.ts'
import { decideGuardOptions } from './guard-options.ts'
import { hashJsonCopy } from './params-hash.ts'
import { type Ended, reportOutcome } from './report-outcome.ts'
import { getServerOrigin } from './server-origin.ts'

/** Any function can be guarded. */
export type Handler = (...args: never[]) => unknown

/** The handler's own type; a handler that answers at once answers with a promise when guarded. */
export type Guarded<H extends Handler> =
  ReturnType<H> extends Promise<unknown> ? H : (...args: Parameters<H>) => Promise<Awaited<ReturnType<H>>>

/**
 * Puts the core's decision before a handler: each call is decided and recorded, and the
 * handler runs only after a recorded ALLOW for exactly this tool and these arguments.
 *
 * ```ts
 * const readDatabase = guard({ tool: 'read_database', minTrustLevel: 2 }, async ({ query }: { query: string }) => db.all(query))
 * await withCredential({ badge }, () => readDatabase({ query: 'select 1' }))
 * ```
 *
 * The arguments are copied and hashed when the call is made, and the handler is given the
 * copy: changing the original while the decision is pending changes nothing.
 *
 * How the handler ended is reported to the core afterwards, in the background.
 *
 * A call rejects with `GuardError` when it is denied, with another `CapiscioError` when
 * there was no decision, with `CallAbortedError` when its AbortSignal was aborted before
 * the handler began, and with `TypeError` when an argument to hash is not JSON. In all
 * these cases the handler has not been run.
 *
 * @throws TypeError at once for wrong options, or a handler without a name and no `tool`.
 */
export function guard<H extends Handler>(handler: H): Guarded<H>
export function guard<H extends Handler>(options: GuardOptions<Parameters<H>>, handler: H): Guarded<H>
export function guard(first: unknown, second?: Handler): unknown {
  const [options, handler] = typeof first === 'function' && second === undefined ? [{}, first] : [first, second]
  if (typeof handler !== 'function') throw new TypeError('guard needs the handler: guard(options, handler).')
  const decided = decideGuardOptions(options, handler.name)
  const { toolName, config, params, signal: findSignal, traceparent: findTraceparent, timeoutMs } = decided

  async function guarded(this: unknown, ...args: unknown[]): Promise<unknown> {
    // Everything that the caller could change is taken here, before the first await.
    const call = captureCall(args, params)
    const signal = anySignal([getAbortSignal(), findSignal?.(...args) as AbortSignal | undefined])
    const client = decided.client ?? getDefaultCoreClient()
    const decision = await askCore({
      toolName,
      paramsHash: hashJsonCopy(call.params),
      credential: getCredential(),
      serverOrigin: getServerOrigin(),
      config,
      signal,
      timeoutMs,
      traceparent: findTraceparent?.(...args),
      client,
    })
    if (decision.outcome !== 'ALLOW') throw new GuardError(toolName, decision)
    const run = () => {
      // Inside, so that an allowed call that never ran has an outcome as well.
      throwIfAborted(signal, decision.evidenceId)
      return Reflect.apply(handler as (...given: unknown[]) => unknown, this, call.args)
    }
    if (!decided.reportOutcome) return runAllowed(decision, run)

    const startedMs = performance.now()
    const report = (ended: Ended): void =>
      reportOutcome(client, decision.evidenceId, ended, performance.now() - startedMs)
    try {
      const result = await runAllowed(decision, run)
      report({ result })
      return result
    } catch (error) {
      report({ failed: true })
      throw error
    }
  }

  // Frameworks read these from the functions they are given.
  Object.defineProperty(guarded, 'name', { value: handler.name, configurable: true })
  Object.defineProperty(guarded, 'length', { value: handler.length, configurable: true })
  return guarded
}
