import type { Command } from 'commander'
import { type CliIo, printable, printJson } from '../print.ts'
import { countBetween, type FilterFlags, filterOptions, toFilter } from './filter-options.ts'
import { newestFirst, type StoredRecord } from './read-records.ts'
import { answering } from './refused.ts'
import { recordAsJson, recordAsLine } from './show-record.ts'
import { findLogs, type WhereFlags, whereOptions } from './stored-logs.ts'

const HELP = `
Examples:
  $ capiscio evidence query --outcome DENY --since 2026-05-06
  $ capiscio evidence query --tool drop_table --principal apikey:ci --json

Reads the logs themselves, newest first, and needs no running core.
Exit codes: 0 also when nothing matches, 1 no log there, 2 wrong usage, 3 the log is not what was written.
`

interface QueryFlags extends WhereFlags, FilterFlags {
  readonly limit: number
  readonly json: boolean
}

/** `capiscio evidence query`: records that match. */
export function addQueryCommand(evidence: Command, io: CliIo): void {
  filterOptions(whereOptions(evidence.command('query').description('find records')))
    .option('--limit <count>', 'at most so many', countBetween(1, 1_000_000), 100)
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((flags: QueryFlags) => answering(io, flags.json, () => query(flags, io)))
}

async function query(flags: QueryFlags, io: CliIo): Promise<void> {
  const logs = await findLogs(flags, io)
  const readers = await Promise.all(logs.map((log) => log.open()))
  const records: StoredRecord[] = []
  let more = false
  for await (const record of newestFirst(readers, toFilter(flags))) {
    more = records.length === flags.limit
    if (more) break
    records.push(record)
    // Shown as they are found; JSON is one document and comes at the end.
    if (!flags.json) io.stdout(`${logs.length > 1 ? `${printable(record.origin)}  ` : ''}${recordAsLine(record)}\n`)
  }
  if (flags.json) printJson(io, { records: records.map(recordAsJson), more })
  else if (more) io.stderr(`More than ${flags.limit} match: raise --limit, or narrow with --until.\n`)
  else if (records.length === 0) io.stderr('No record matches.\n')
}
