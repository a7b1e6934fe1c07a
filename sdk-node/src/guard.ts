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
  const { toolName, config, params, signal: findSignal, timeoutMs, client } = decideGuardOptions(options, handler.name)

  async function guarded(this: unknown, ...args: unknown[]): Promise<unknown> {
    // Everything that the caller could change is taken here, before the first await.
    const call = captureCall(args, params)
    const signal = anySignal([getAbortSignal(), findSignal?.(...args) as AbortSignal | undefined])
    const decision = await askCore({
      toolName,
      paramsHash: hashJsonCopy(call.params),
      credential: getCredential(),
      serverOrigin: getServerOrigin(),
      config,
      signal,
      timeoutMs,
      client: client ?? getDefaultCoreClient(),
    })
    if (decision.outcome !== 'ALLOW') throw new GuardError(toolName, decision)
    throwIfAborted(signal, decision.evidenceId)
    return runAllowed(decision, () => Reflect.apply(handler as (...given: unknown[]) => unknown, this, call.args))
  }

  // Frameworks read these from the functions they are given.
  Object.defineProperty(guarded, 'name', { value: handler.name, configurable: true })
  Object.defineProperty(guarded, 'length', { value: handler.length, configurable: true })
  return guarded
}
