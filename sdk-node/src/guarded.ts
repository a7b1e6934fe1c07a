import { guard } from './guard.ts'
import type { GuardOptions } from './guard-options.ts'
import { decideGuardOptions } from './guard-options.ts'

/** A method that can be guarded: it answers with a promise, because a decision takes time. */
export type GuardableMethod<This, Args extends unknown[], Result> = (this: This, ...args: Args) => Promise<Result>

/**
 * Options of `guarded`: those of `guard`. Each selector names as many of the method's arguments
 * as it needs, with their types; they are told apart so that they need not name the same.
 */
export type GuardedOptions<P extends unknown[], S extends unknown[], T extends unknown[]> = Pick<
  GuardOptions<P>,
  'params'
> &
  Pick<GuardOptions<S>, 'signal'> &
  Pick<GuardOptions<T>, 'traceparent'> &
  Omit<GuardOptions, 'params' | 'signal' | 'traceparent'>

/** Arguments that begin with these. */
type Begins<Args extends unknown[]> = [...Args, ...unknown[]]

/**
 * The decorator form of `guard`, for methods: standard decorators, not `experimentalDecorators`.
 * Each call of the method is decided and recorded, and the method runs, with its own `this`,
 * only after a recorded ALLOW.
 *
 * ```ts
 * class Files {
 *   @guarded({ minTrustLevel: 2 })
 *   async read_file({ path }: { path: string }): Promise<string> { … }
 * }
 * ```
 *
 * The tool has the name of the method unless `tool` says otherwise: `#read` for a private method,
 * and a method named by a symbol needs `tool`.
 *
 * Getters, setters, accessors, fields and classes are refused: reading them must not wait.
 *
 * @throws TypeError when the class is defined, for anything but a method and for wrong options.
 */
export function guarded<This, Args extends unknown[], Result>(
  method: GuardableMethod<This, Args, Result>,
  context: ClassMethodDecoratorContext<This, GuardableMethod<This, Args, Result>>,
): GuardableMethod<This, Args, Result>
export function guarded<P extends unknown[] = [], S extends unknown[] = [], T extends unknown[] = []>(
  options: GuardedOptions<P, S, T>,
): <This, Args extends Begins<P> & Begins<S> & Begins<T>, Result>(
  method: GuardableMethod<This, Args, Result>,
  context: ClassMethodDecoratorContext<This, GuardableMethod<This, Args, Result>>,
) => GuardableMethod<This, Args, Result>
export function guarded(first: unknown, context?: unknown): unknown {
  if (context !== undefined) return decorate({}, first, context)
  // Wrong options are refused here, not only where there is a method.
  decideGuardOptions(first, 'method')
  return (method: unknown, its: unknown) => decorate(first as GuardOptions, method, its)
}

function decorate(options: GuardOptions, method: unknown, context: unknown): unknown {
  if (typeof context !== 'object' || context === null) {
    throw new TypeError('guarded is a standard decorator: compile without experimentalDecorators.')
  }
  const { kind, name } = context as DecoratorContext
  if (kind !== 'method') {
    throw new TypeError(`guarded is for methods: the ${kind} ${String(name)} cannot wait for a decision.`)
  }
  const tool = options.tool ?? (typeof name === 'string' ? name : undefined)
  if (tool === undefined) throw new TypeError('A method that is named by a symbol needs the tool option.')
  return guard({ ...options, tool }, method as (...args: never[]) => unknown)
}
