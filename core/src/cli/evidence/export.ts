import { appendFileSync, closeSync, openSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { errorCode } from '../../adapters/evidence/error-code.ts'
import { makeDirectoryDurably } from '../../adapters/files/durable-write.ts'
import { parseEntry } from '../../domain/evidence/pruned-record.ts'
import { csvRow } from '../../lib/csv.ts'
import { type CliIo, printJson } from '../print.ts'
import { type FilterFlags, filterOptions, toFilter } from './filter-options.ts'
import { createProgress } from './progress.ts'
import { recordsForward, type StoredRecord } from './read-records.ts'
import { answering, CommandRefused } from './refused.ts'
import { findLogs, type WhereFlags, whereOptions } from './stored-logs.ts'

const HELP = `
Examples:
  $ capiscio evidence export --out export
  $ capiscio evidence export --format csv --since 2026-05-01 --until 2026-06-01 > may.csv

jsonl: each line is one record, exactly as it is hashed; bytes that are no JSON stand in base64 under
io.capisc.unreadable. csv: one row for each record; cells that a spreadsheet would run as a formula begin with an
apostrophe. With --out, a file for each UTC day; existing files are never overwritten.
Exit codes: 0 done, 1 no log there or a file exists, 2 wrong usage, 3 the log is not what was written.
`

interface ExportFlags extends WhereFlags, FilterFlags {
  readonly format: 'jsonl' | 'csv'
  readonly out?: string
  readonly json: boolean
}

/** `capiscio evidence export`: records for other programs. */
export function addExportCommand(evidence: Command, io: CliIo): void {
  filterOptions(whereOptions(evidence.command('export').description('write records for other programs')))
    .addOption(new Option('--format <format>', 'what to write').choices(['jsonl', 'csv']).default('jsonl'))
    .option('--out <dir>', 'folder for a file of each day (default: standard output)')
    .option('--json', 'print JSON about what was written; needs --out', false)
    .addHelpText('after', HELP)
    .action((flags: ExportFlags) => answering(io, flags.json, () => exportRecords(flags, io)))
}

async function exportRecords(flags: ExportFlags, io: CliIo): Promise<void> {
  if (flags.json && flags.out === undefined) {
    throw new CommandRefused(
      '--json tells what was written to --out, and standard output holds the records: give --out.',
    )
  }
  const logs = await findLogs(flags, io)
  const sink = flags.out === undefined ? toStdout(io) : await toFolder(resolve(flags.out), flags.format)
  const format = flags.format === 'csv' ? csvLine : jsonLine
  let records = 0
  if (flags.format === 'csv' && flags.out === undefined) io.stdout(CSV_HEADER)
  try {
    for (const log of logs) {
      const reader = await log.open()
      const { size } = reader
      const progress = createProgress(io, 'exporting')
      const onProgress = (done: number): void => progress.report(done, size)
      for await (const record of recordsForward(reader, toFilter(flags), { onProgress })) {
        sink.write(record, format(record))
        records += 1
      }
      progress.clear()
    }
  } finally {
    sink.close()
  }
  // That nobody reads is heard in the next turn, and then nothing was exported.
  await setImmediate()
  if (flags.json) printJson(io, { ok: true, records, files: sink.files() })
  else io.stderr(`${records} records${flags.out === undefined ? '' : ` in ${sink.files().length} files`}.\n`)
}

interface Sink {
  write(record: StoredRecord, line: string): void
  files(): readonly string[]
  close(): void
}

function toStdout(io: CliIo): Sink {
  return { write: (_record, line) => io.stdout(line), files: () => [], close() {} }
}

/** A file for each UTC day. A day's file is opened when its first record comes, and made by us or not at all. */
async function toFolder(folder: string, format: ExportFlags['format']): Promise<Sink> {
  await makeDirectoryDurably(folder)
  const made = new Set<string>()
  // Records come in order, so days rarely change: one file is open at a time.
  let open: { readonly path: string; readonly descriptor: number } | undefined
  const close = (): void => {
    if (open !== undefined) closeSync(open.descriptor)
    open = undefined
  }
  return {
    write({ facts }, line) {
      const day = facts.atMs === 0 ? 'undated' : new Date(facts.atMs).toISOString().slice(0, 10)
      const path = join(folder, `${day}.${format}`)
      if (open?.path !== path) {
        close()
        open = { path, descriptor: openNew(path, made.has(path)) }
        if (!made.has(path) && format === 'csv') appendFileSync(open.descriptor, CSV_HEADER)
        made.add(path)
      }
      appendFileSync(open.descriptor, line)
    },
    files: () => [...made],
    close,
  }
}

function openNew(path: string, ours: boolean): number {
  try {
    return openSync(path, ours ? 'a' : 'ax', 0o600)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    throw new CommandRefused(`${path} exists already. Name another folder with --out.`, { cause: error })
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** An entry is canonical JSON and has no line break; what is no such entry is kept as its bytes. */
function jsonLine({ leaf }: StoredRecord): string {
  const text = parseEntry(leaf) && strictUtf8.decode(leaf)
  const isLine = text !== undefined && !/[\r\n]/.test(text)
  return `${isLine ? text : JSON.stringify({ 'io.capisc.unreadable': base64(leaf) })}\n`
}

const COLUMNS: readonly (readonly [column: string, field: string])[] = [
  ['time', 'timestamp'],
  ['event', 'event.name'],
  ['id', 'id'],
  ['decision', 'capiscio.decision'],
  ['deny_reason', 'capiscio.deny_reason'],
  ['reason', 'io.capisc.reason'],
  ['tool', 'capiscio.target'],
  ['principal', 'capiscio.agent.did'],
  ['auth_level', 'capiscio.auth.level'],
  ['trust_level', 'trust_level'],
  ['ial', 'io.capisc.ial'],
  ['badge_jti', 'capiscio.badge.jti'],
  ['params_hash', 'capiscio.tool.params_hash'],
  ['policy_version', 'capiscio.policy_version'],
  ['server_origin', 'io.capisc.server_origin'],
  ['sdk', 'io.capisc.sdk'],
  ['traceparent', 'io.capisc.traceparent'],
  ['decision_id', 'capiscio.decision_id'],
  ['result', 'io.capisc.result'],
  ['duration_ms', 'io.capisc.duration_ms'],
  ['result_hash', 'io.capisc.result_hash'],
]

const CSV_HEADER = csvRow(['log', 'index', ...COLUMNS.map(([column]) => column)])

function csvLine({ origin, index, leaf }: StoredRecord): string {
  const record = parsed(leaf)
  const cells = COLUMNS.map(([, field]) => {
    const value = record[field]
    return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  })
  return csvRow([origin, String(index), ...cells])
}

function parsed(leaf: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(leaf))
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
