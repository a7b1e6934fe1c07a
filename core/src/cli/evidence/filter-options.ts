import { type Command, InvalidArgumentError, Option } from 'commander'
import type { IndexFilter } from '../../ports/evidence-index.ts'

/** Which records, as the command line says. */
export interface FilterFlags {
  readonly tool?: string
  readonly principal?: string
  readonly outcome?: 'ALLOW' | 'DENY'
  readonly kind?: 'decision' | 'outcome' | 'other'
  readonly decision?: string
  readonly since?: number
  readonly until?: number
}

/** The flags by which commands choose records. */
export function filterOptions(command: Command): Command {
  return command
    .option('--tool <name>', 'of this tool')
    .option('--principal <name>', 'of this caller: a DID or apikey:NAME')
    .addOption(new Option('--outcome <outcome>', 'decisions that ended so').choices(['ALLOW', 'DENY']))
    .addOption(new Option('--kind <kind>', 'records of this kind').choices(['decision', 'outcome', 'other']))
    .option('--decision <evidence-id>', 'the outcome of this decision')
    .option('--since <time>', 'not before: RFC 3339 such as 2026-05-06T10:00:00Z, or a UTC day', parseTime)
    .option('--until <time>', 'before', parseTime)
}

export function toFilter({ tool, principal, outcome, kind, decision, since, until }: FilterFlags): IndexFilter {
  return {
    ...(tool !== undefined && { tool }),
    ...(principal !== undefined && { principal }),
    ...(outcome !== undefined && { decision: outcome }),
    ...(kind !== undefined && { kind }),
    ...(decision !== undefined && { decisionId: decision }),
    ...(since !== undefined && { sinceMs: since }),
    ...(until !== undefined && { untilMs: until }),
  }
}

/** A whole number within bounds, for an option. */
export function countBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= least && value <= most)) throw new InvalidArgumentError(`Write a number from ${least} to ${most}.`)
    return value
  }
}

function parseTime(text: string): number {
  const atMs = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  if (Number.isNaN(atMs)) throw new InvalidArgumentError('Write a time such as 2026-05-06T10:00:00Z, or a day.')
  return atMs
}
