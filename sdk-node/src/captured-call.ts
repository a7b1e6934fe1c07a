import type { JsonValue } from '@capiscio/proto/sdk'
import { copyJson, isPlainObject } from '@capiscio/proto/sdk'

/** Names the arguments of a call that are hashed: one of them, or a list of some of them. */
export type ParamsSelector = (...args: never[]) => unknown

/** One call, taken before the first `await`. */
export interface CapturedCall {
  /** What is hashed. */
  readonly params: JsonValue
  /** What the handler is given: the hashed arguments are copies that the caller cannot reach. */
  readonly args: readonly unknown[]
}

/**
 * Takes the arguments of a call so that what is decided is what runs. Whoever keeps a
 * reference to an argument may change it while the decision is pending; the handler is
 * given the copy that was hashed.
 *
 * One plain-object argument is hashed as itself, no argument as `{}`, anything else as
 * `{"args":[…]}`. Trailing `undefined` is the same as leaving the argument out.
 *
 * @param select Chooses the arguments to hash; the others go to the handler as they are. Default: all.
 * @throws TypeError when an argument to hash is not JSON, or `select` gives something that is not an argument.
 */
export function captureCall(args: readonly unknown[], select?: ParamsSelector): CapturedCall {
  if (select === undefined) {
    const copies = withoutTrailingUndefined(args).map((arg, index) => copyJson(arg, `arguments[${index}]`))
    return { params: toParams(copies), args: copies }
  }
  const copies = new Map<unknown, JsonValue>()
  const chosen = selectedArguments(args, select).map((arg) => {
    const copy = copyJson(arg, 'params')
    copies.set(arg, copy)
    return copy
  })
  // By identity, at every position: the same object given twice must not stay reachable once.
  return { params: toParams(chosen), args: args.map((arg) => (copies.has(arg) ? copies.get(arg) : arg)) }
}

function selectedArguments(args: readonly unknown[], select: ParamsSelector): readonly unknown[] {
  const selected: unknown = (select as (...given: readonly unknown[]) => unknown)(...args)
  if (selected === undefined) return []
  if (args.includes(selected)) return [selected]
  if (Array.isArray(selected)) {
    const list = withoutTrailingUndefined(selected)
    if (list.every((entry) => args.includes(entry))) return list
  }
  throw new TypeError(
    'The params option must give arguments of the call themselves: one of them, a list of them, or undefined for none. ' +
      'A new value could be hashed while the handler runs another.',
  )
}

function withoutTrailingUndefined(args: readonly unknown[]): readonly unknown[] {
  return args.slice(0, args.findLastIndex((arg) => arg !== undefined) + 1)
}

function toParams(copies: readonly JsonValue[]): JsonValue {
  const [only] = copies
  if (only === undefined) return {}
  return copies.length === 1 && isPlainObject(only) ? only : { args: [...copies] }
}
