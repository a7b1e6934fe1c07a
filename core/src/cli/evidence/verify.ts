import { hex } from '@scure/base'
import type { Command } from 'commander'
import { formatVerifierKey, type VerifierKey } from '../../domain/evidence/verifier-key.ts'
import { type CliIo, EXIT_EVIDENCE, printJson, printTable } from '../print.ts'
import { checkLog, type LogFinding } from './check-log.ts'
import { createProgress } from './progress.ts'
import { answering, CommandRefused } from './refused.ts'
import { findLogs, type StoredLog, type WhereFlags, whereOptions } from './stored-logs.ts'
import { readVerifierKeys } from './verifier-key-option.ts'

const HELP = `
Examples:
  $ capiscio evidence verify
  $ capiscio evidence verify --evidence-log /srv/log --vkey log.vkey --anchors /mnt/elsewhere/anchors

Checks every entry, tile and signature. Without --vkey, under the key that the log itself names: whoever could replace
the whole folder could replace that too. --anchors is a folder that "capiscio evidence anchor --save" fills: a log that
was rewritten, or put back to an older state, does not extend what is there.
Exit codes: 0 every log is what was written, 1 no log there, 2 wrong usage, 3 some log is not.
`

interface VerifyFlags extends WhereFlags {
  readonly vkey?: string
  readonly anchors?: string
  readonly json: boolean
}

/** `capiscio evidence verify`: whether the logs are what was written. */
export function addVerifyCommand(evidence: Command, io: CliIo): void {
  whereOptions(evidence.command('verify').description('check that the logs are what was written'))
    .option('--vkey <key>', "the log's verifier key from elsewhere, or a file with it")
    .option('--anchors <dir>', 'folder of checkpoints that were saved elsewhere')
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((flags: VerifyFlags) => answering(io, flags.json, () => verify(flags, io)))
}

async function verify(flags: VerifyFlags, io: CliIo): Promise<void> {
  const pinned = flags.vkey === undefined ? undefined : readVerifierKeys(flags.vkey)
  const logs = logsToVerify(await findLogs(flags, io), pinned)
  const results = []
  for (const log of logs) {
    const progress = createProgress(io, 'verifying')
    const keys = pinned ?? log.keys
    const result = await checkLog(log, { keys, anchors: flags.anchors, onProgress: progress.report })
    progress.clear()
    if (!result.ok) io.setExitCode(EXIT_EVIDENCE)
    results.push({ log, result })
    if (!flags.json) show(io, log, result, pinned !== undefined)
  }
  if (!flags.json) return
  printJson(io, {
    ok: results.every(({ result }) => result.ok),
    logs: results.map(({ log, result }) => ({
      ...{ log: log.origin, directory: log.directory, keyFrom: pinned === undefined ? 'log.json' : '--vkey' },
      ...(result.ok ? { ok: true, size: result.size, root: hex.encode(result.root) } : result),
    })),
  })
}

/** A pinned key says which log is meant; that it is missing is an answer too. */
function logsToVerify(logs: readonly StoredLog[], pinned: readonly VerifierKey[] | undefined): readonly StoredLog[] {
  const origin = pinned?.[0]?.name
  if (pinned === undefined || origin === undefined) return logs
  const meant = logs.filter((log) => log.origin === origin)
  if (meant.length > 0) return meant
  throw new CommandRefused(
    `There is no log ${origin} here, which the verifier key ${pinned.map(formatVerifierKey)[0]} belongs to.`,
  )
}

function show(io: CliIo, log: StoredLog, result: Awaited<ReturnType<typeof checkLog>>, pinned: boolean): void {
  const rows: [string, string][] = [
    ['log', log.origin],
    ['folder', log.directory],
  ]
  if (result.ok) {
    rows.push(['verified', `${result.size} records, root ${hex.encode(result.root)}`])
    rows.push([
      'key',
      pinned ? 'the one given with --vkey' : 'the one in log.json: compare it with a copy kept elsewhere',
    ])
    rows.push([
      'anchors',
      result.anchors === 0 ? 'none: a rewrite by who has the log key is not noticed' : `extends ${result.anchors}`,
    ])
  } else {
    rows.push(['NOT VERIFIED', 'this log is not what was written'])
    for (const finding of result.findings) rows.push(['', describe(finding)])
  }
  printTable(io, rows)
  io.stdout('\n')
}

function describe({ code, file, index, expected, message }: LogFinding): string {
  const place = [file, index === undefined ? undefined : `entry ${index}`]
    .filter((part) => part !== undefined)
    .join(', ')
  return `${code}${place === '' ? '' : ` in ${place}`}: ${message ?? `expected ${expected}`}`
}
