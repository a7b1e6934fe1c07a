import type { DecidedGuardConfig, GuardConfig } from '@capiscio/proto/sdk'
import {
  decideGuardConfig,
  GUARD_CONFIG_NAMES,
  readOptions,
  requireTimeoutMs,
  requireToolName,
} from '@capiscio/proto/sdk'
import type { ParamsSelector } from './captured-call.ts'
import type { CoreClient } from './client.ts'

/** Options of `guard`. They are copied: later changes to the object or its lists change nothing. */
export interface GuardOptions<Args extends readonly unknown[] = never[]> extends GuardConfig {
  /** Name of the tool, as in MCP `tools/call`. Default: the handler's `name`, which minifiers change. */
  readonly tool?: string | undefined
  /**
   * Chooses the arguments to hash, by returning them: one, a list of some, or undefined
   * for none. The others reach the handler as they are. Default: all.
   * An MCP handler's context is not JSON: `params: (args, ctx) => args`.
   */
  readonly params?: ((...args: Args) => unknown) | undefined
  /**
   * Finds the caller's AbortSignal among the arguments, such as `(args, ctx) => ctx.mcpReq.signal`.
   * The signal of `withAbortSignal` counts as well.
   */
  readonly signal?: ((...args: Args) => AbortSignal | undefined) | undefined
  /**
   * Finds the W3C `traceparent` of the call among the arguments, for the record. Text that is
   * none is left out.
   */
  readonly traceparent?: ((...args: Args) => string | undefined) | undefined
  /**
   * Whether the core records how the handler ended: ok or error (thrown, or a result with
   * `isError: true`), how long it ran, and the hash of a result that is JSON. Default true.
   */
  readonly reportOutcome?: boolean | undefined
  /** Milliseconds until a decision is given up. Default: the client's, 10 000. */
  readonly timeoutMs?: number | undefined
  /** The core to ask. Default: the process's own client. */
  readonly client?: CoreClient | undefined
}

/** The decided form: nothing optional but what has no default. */
export interface DecidedGuardOptions {
  readonly toolName: string
  readonly config: DecidedGuardConfig
  readonly params: ParamsSelector | undefined
  readonly signal: ((...args: readonly unknown[]) => unknown) | undefined
  readonly traceparent: ((...args: readonly unknown[]) => unknown) | undefined
  readonly reportOutcome: boolean
  readonly timeoutMs: number | undefined
  readonly client: CoreClient | undefined
}

const NAMES = [
  ...GUARD_CONFIG_NAMES,
  'tool',
  'params',
  'signal',
  'traceparent',
  'reportOutcome',
  'timeoutMs',
  'client',
] as const satisfies readonly (keyof GuardOptions)[]

/** @throws TypeError naming the first option that is unknown or wrong. */
export function decideGuardOptions(options: unknown, handlerName: string): DecidedGuardOptions {
  const given = readOptions(options, NAMES, 'The options of guard')
  const toolName = given.tool ?? handlerName
  if (toolName === '') {
    throw new TypeError('A guarded tool needs a name: give the tool option, or a handler with a name.')
  }
  requireToolName(toolName)
  if (given.timeoutMs !== undefined) requireTimeoutMs(given.timeoutMs)
  return Object.freeze({
    toolName,
    config: decideGuardConfig(given),
    params: callable(given, 'params') as ParamsSelector | undefined,
    signal: callable(given, 'signal'),
    traceparent: callable(given, 'traceparent'),
    reportOutcome: flag(given, 'reportOutcome', true),
    timeoutMs: given.timeoutMs,
    client: client(given.client),
  })
}

function callable(
  given: Readonly<Record<string, unknown>>,
  name: string,
): ((...args: readonly unknown[]) => unknown) | undefined {
  const value = given[name]
  if (value !== undefined && typeof value !== 'function') throw new TypeError(`${name} must be a function.`)
  return value as ((...args: readonly unknown[]) => unknown) | undefined
}

function flag(given: Readonly<Record<string, unknown>>, name: string, fallback: boolean): boolean {
  const value = given[name] ?? fallback
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false.`)
  return value
}

function client(value: unknown): CoreClient | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null || typeof Reflect.get(value, 'evaluateToolAccess') !== 'function') {
    throw new TypeError('client must be a CoreClient, such as createCoreClient() makes.')
  }
  return value as CoreClient
}
