import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { createNodeEd25519Verifier } from '../../adapters/crypto/node-ed25519.ts'
import { systemClock } from '../../adapters/time/system-clock.ts'
import { encodeContinuationRecord } from '../../domain/evidence/continuation-record.ts'
import { openEvidenceReader } from '../../setup/evidence/open-evidence-reader.ts'
import { type CliIo, printJson, printTable } from '../print.ts'
import { openForWriting, type StateFlags } from './open-for-writing.ts'
import { answering, CommandRefused } from './refused.ts'

const HELP = `
Example:
  $ mv /srv/log /srv/log.old
  $ capiscio evidence new-log --after /srv/log.old --evidence-log /srv/log

For a log whose key was lost or stolen, and which therefore cannot be rotated. Stop the core, move the old log away and
keep it. The new log has a new origin and a new key, and begins with a record that holds the last checkpoint of the old
one: whoever has the old key can write that one on, and everybody sees where it ended. Give auditors the new verifier key.
Exit codes: 0 made, 1 the new folder is not empty or the old one no log, 2 wrong usage, 3 the old log is not what was
written.
`

interface NewLogFlags extends StateFlags {
  readonly after: string
  readonly evidenceLog: string
  readonly json: boolean
}

/** `capiscio evidence new-log`: a log in the place of one whose key must not sign any more. */
export function addNewLogCommand(evidence: Command, io: CliIo): void {
  evidence
    .command('new-log')
    .description('begin a log in the place of one whose key was lost or stolen')
    .requiredOption('--after <dir>', 'folder of the old log')
    .requiredOption('--evidence-log <dir>', 'folder for the new one, empty or missing')
    .option('--config <file>', 'configuration file that says where the state is')
    .option('--state-dir <dir>', 'home of the log keys (default: as "capiscio serve" would use)')
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((flags: NewLogFlags) => answering(io, flags.json, () => beginLog(flags, io)))
}

async function beginLog(flags: NewLogFlags, io: CliIo): Promise<void> {
  const directory = resolve(flags.evidenceLog)
  const old = await openEvidenceReader(resolve(flags.after), createNodeEd25519Verifier({ maxKeys: 64 }))
  const checkpoint = old.checkpoint()
  if (checkpoint === undefined) {
    throw new CommandRefused(
      `The log ${old.origin} is empty: there is nothing to go on from. Start the core on a new one.`,
    )
  }
  // That a log was there before and is gone is the case that this is for.
  const { log } = await openForWriting({ location: { directory }, startEmpty: true }, flags, io)
  const { origin, vkey, size } = log
  try {
    if (size > 0) {
      throw new CommandRefused(`${directory} holds the log ${origin}, which has records already. Name an empty folder.`)
    }
    await log.append(encodeContinuationRecord(checkpoint, old.vkey, systemClock.nowMs()))
  } finally {
    await log.close()
  }
  if (flags.json) {
    printJson(io, {
      ok: true,
      log: origin,
      vkey,
      directory: await realpath(directory),
      after: old.origin,
      size: old.size,
    })
    return
  }
  printTable(io, [
    ['log', origin],
    ['folder', await realpath(directory)],
    ['key', vkey],
    ['after', `the ${old.size} records of ${old.origin}`],
  ])
}
