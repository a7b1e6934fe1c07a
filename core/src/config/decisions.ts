import { dirname } from 'node:path'
import { type ConfigOrigin, DEFAULT_ORIGIN, showOrigin } from './config-origin.ts'
import type { ConfigProblem, ConfigProblemCode } from './config-refused.ts'
import { ValueRefused } from './value-refused.ts'

/** A value somebody wrote, not yet checked. */
export interface Candidate<T> {
  readonly raw: T
  readonly origin: ConfigOrigin
}

/** Something an operator should know and may ignore. */
export interface ConfigWarning {
  readonly source: string
  readonly message: string
}

/**
 * Collects what is decided while a configuration is made: where each value came from, and
 * every problem, so that an operator sees all of them at once. A value with a problem is
 * replaced by its default only to go on looking; the configuration is then refused.
 */
export interface Decisions {
  readonly origins: ReadonlyMap<string, ConfigOrigin>
  readonly problems: readonly ConfigProblem[]
  readonly warnings: readonly ConfigWarning[]
  /**
   * Decides the value at a path: the first candidate that is there, checked by `parse`,
   * which gets the folder that relative paths start from.
   */
  pick<T, R>(
    path: string,
    candidates: readonly (Candidate<T> | undefined)[],
    parse: (raw: T, base: string) => R,
    fallback: () => R,
  ): R
  /** Notes where a value came from that was decided in another way. */
  note(path: string, origin: ConfigOrigin): void
  originOf(path: string): ConfigOrigin
  refuse(code: ConfigProblemCode, origin: ConfigOrigin, reason: string): void
  warn(source: string, message: string): void
}

export function createDecisions(cwd: string): Decisions {
  const origins = new Map<string, ConfigOrigin>()
  const problems: ConfigProblem[] = []
  const warnings: ConfigWarning[] = []
  const refuse: Decisions['refuse'] = (code, origin, reason) => {
    problems.push({ code, source: showOrigin(origin), reason })
  }
  return {
    origins,
    problems,
    warnings,
    refuse,
    pick(path, candidates, parse, fallback) {
      const candidate = candidates.find((one) => one !== undefined)
      origins.set(path, candidate?.origin ?? DEFAULT_ORIGIN)
      if (candidate === undefined) return fallback()
      const { raw, origin } = candidate
      try {
        return parse(raw, origin.kind === 'file' ? dirname(origin.file) : cwd)
      } catch (refused) {
        if (!(refused instanceof ValueRefused)) throw refused
        refuse(refused.code, origin, refused.message)
        return fallback()
      }
    },
    note: (path, origin) => void origins.set(path, origin),
    originOf: (path) => origins.get(path) ?? DEFAULT_ORIGIN,
    warn: (source, message) => void warnings.push({ source, message }),
  }
}

/** A flag's value, if it was given. */
export function fromFlag<T>(name: string, raw: T | undefined): Candidate<T> | undefined {
  return raw === undefined ? undefined : { raw, origin: { kind: 'flag', name } }
}

/** A variable's value, if it is set. */
export function fromEnv(name: string, raw: string | undefined): Candidate<string> | undefined {
  return raw === undefined ? undefined : { raw, origin: { kind: 'env', name } }
}
