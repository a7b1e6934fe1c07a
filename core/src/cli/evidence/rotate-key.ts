import type { Command } from 'commander'
import { type CliIo, printJson, printTable } from '../print.ts'
import { openForWriting, type StateFlags } from './open-for-writing.ts'
import { answering, CommandRefused } from './refused.ts'
import { findLogs, type WhereFlags, whereOptions } from './stored-logs.ts'

const HELP = `
Example:
  $ capiscio evidence rotate-key --evidence-log /srv/log --overlap-days 30

Gives a log a new signing key. The core that writes the log must be stopped, and uses the new key when it is started
again. For the days of the overlap both keys sign, so that auditors have time to take the new verifier key; the first
start after them retires the old one. Entries and origin stay. A key that was stolen or lost cannot be rotated: see
"capiscio evidence new-log".
Exit codes: 0 rotated, 1 the log is being written or an earlier rotation is not over, 2 wrong usage, 3 the log is not
what was written.
`

const DAY_MS = 24 * 60 * 60 * 1000

interface RotateFlags extends WhereFlags, StateFlags {
  readonly overlapDays: string
  readonly json: boolean
}

/** `capiscio evidence rotate-key`: a new signing key for a log. */
export function addRotateKeyCommand(evidence: Command, io: CliIo): void {
  whereOptions(evidence.command('rotate-key').description('give a log a new signing key'))
    .option('--state-dir <dir>', 'home of the log keys (default: as "capiscio serve" would use)')
    .option('--overlap-days <days>', 'how long both keys sign', '7')
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((flags: RotateFlags) => answering(io, flags.json, () => rotateKey(flags, io)))
}

async function rotateKey(flags: RotateFlags, io: CliIo): Promise<void> {
  if (!/^\d{1,4}$/.test(flags.overlapDays)) throw new CommandRefused('--overlap-days is a whole number from 0 to 9999.')
  const [log, ...others] = await findLogs(flags, io)
  if (log === undefined || others.length > 0) {
    throw new CommandRefused('There are several logs: say which one with --log or --evidence-log.')
  }
  const opened = await openForWriting({ location: { directory: log.directory }, startEmpty: false }, flags, io)
  let newVkey: string
  try {
    newVkey = await opened.rotateKey(Number(flags.overlapDays) * DAY_MS)
  } finally {
    await opened.log.close()
  }
  const oldVkey = opened.log.vkey
  if (flags.json) {
    printJson(io, { ok: true, log: log.origin, oldVkey, newVkey, overlapDays: Number(flags.overlapDays) })
    return
  }
  printTable(io, [
    ['log', log.origin],
    ['new key', newVkey],
    ['old key', oldVkey],
    ['overlap', `${flags.overlapDays} days: give auditors the new key before they are over`],
  ])
}
