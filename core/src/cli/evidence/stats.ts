import type { Command } from 'commander'
import { readRecordFacts } from '../../domain/evidence/record-facts.ts'
import { type CliIo, printJson, printTable } from '../print.ts'
import { createProgress } from './progress.ts'
import { answering } from './refused.ts'
import { findLogs, type StoredLog, type WhereFlags, whereOptions } from './stored-logs.ts'

const HELP = `
Example:
  $ capiscio evidence stats

Exit codes: 0 done, 1 no log there, 2 wrong usage, 3 the log is not what was written.
`

/** Names are chosen by callers: no more than so many are told apart. */
const MAX_NAMES = 10_000
const SHOWN_NAMES = 10

interface StatsFlags extends WhereFlags {
  readonly json: boolean
}

/** `capiscio evidence stats`: what is in the logs. */
export function addStatsCommand(evidence: Command, io: CliIo): void {
  whereOptions(evidence.command('stats').description('count what is in the logs'))
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((flags: StatsFlags) =>
      answering(io, flags.json, async () => {
        const logs = await findLogs(flags, io)
        const counted = []
        for (const log of logs) counted.push(await count(log, io))
        if (flags.json) printJson(io, { logs: counted })
        else for (const one of counted) show(io, one)
      }),
    )
}

type Counted = Awaited<ReturnType<typeof count>>

async function count(log: StoredLog, io: CliIo) {
  const reader = await log.open()
  const firstKept = await reader.firstKept()
  const progress = createProgress(io, 'reading')
  const decisions = { ALLOW: 0, DENY: 0 }
  const outcomes = { ok: 0, error: 0 }
  const [denyReasons, tools, principals] = [createTally(), createTally(), createTally()]
  let other = 0
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  let bytes = 0
  for await (const { index, leaf } of reader.entries(firstKept, reader.size)) {
    const { kind, decision, result, denyReason, tool, principal, atMs } = readRecordFacts(leaf)
    bytes += leaf.length
    if (atMs > 0) [first, last] = [Math.min(first, atMs), Math.max(last, atMs)]
    if (kind === 'decision' && decision !== '') {
      decisions[decision] += 1
      tools.add(tool)
      principals.add(principal || 'anonymous')
      if (denyReason !== '') denyReasons.add(denyReason)
    } else if (kind === 'outcome' && result !== '') outcomes[result] += 1
    else other += 1
    progress.report(index + 1, reader.size)
  }
  progress.clear()
  return {
    origin: log.origin,
    directory: log.directory,
    vkey: log.vkey,
    records: reader.size,
    ...(firstKept > 0 && { removed: firstKept }),
    bytes,
    ...(last >= first && { first: new Date(first).toISOString(), last: new Date(last).toISOString() }),
    decisions,
    outcomes,
    other,
    denyReasons: denyReasons.top(),
    tools: tools.top(),
    principals: principals.top(),
  }
}

function show(io: CliIo, { origin, directory, vkey, records, removed, bytes, first, last, ...counts }: Counted): void {
  const { decisions, outcomes, other, denyReasons, tools, principals } = counts
  const list = (names: Readonly<Record<string, number>>): string =>
    Object.entries(names)
      .map(([name, times]) => `${name} ${times}`)
      .join(', ')
  printTable(
    io,
    [
      ['log', origin],
      ['folder', directory],
      ['key', vkey],
      ['records', `${records} in ${bytes} bytes`],
      ['removed', removed === undefined ? '' : `the first ${removed}, by retention`],
      ['from', first ?? ''],
      ['to', last ?? ''],
      ['allowed', String(decisions.ALLOW)],
      ['denied', decisions.DENY === 0 ? '0' : `${decisions.DENY}: ${list(denyReasons)}`],
      ['outcomes', `${outcomes.ok} ok, ${outcomes.error} error`],
      ['other', String(other)],
      ['tools', list(tools)],
      ['callers', list(principals)],
    ].filter(([, value]) => value !== ''),
  )
  io.stdout('\n')
}

/** Counts names, as many as may be told apart; all further ones together as `(others)`. */
function createTally() {
  const counts = new Map<string, number>()
  return {
    add(name: string): void {
      const key = counts.has(name) || counts.size < MAX_NAMES ? name : '(others)'
      counts.set(key, (counts.get(key) ?? 0) + 1)
    },
    top: (): Record<string, number> =>
      Object.fromEntries([...counts].sort(([, a], [, b]) => b - a).slice(0, SHOWN_NAMES)),
  }
}
