import type { Command } from 'commander'
import { createNodeEd25519Signer, createNodeEd25519Verifier } from '../../adapters/crypto/node-ed25519.ts'
import { systemRandom } from '../../adapters/crypto/system-random.ts'
import { createLogger } from '../../adapters/telemetry/logger.ts'
import { createMetrics } from '../../adapters/telemetry/metrics.ts'
import { createTelemetry } from '../../adapters/telemetry/telemetry.ts'
import { systemClock } from '../../adapters/time/system-clock.ts'
import { systemTimer } from '../../adapters/time/system-timer.ts'
import { loadConfig } from '../../config/load-config.ts'
import { openEvidence } from '../../setup/evidence/open-evidence.ts'
import { type CliIo, printJson, printTable } from '../print.ts'
import { answering, CommandRefused } from './refused.ts'
import { findLogs, type WhereFlags, whereOptions } from './stored-logs.ts'

const HELP = `
Example:
  $ capiscio evidence rotate-key --evidence-log /srv/log --overlap-days 30

Gives a log a new signing key. The core that writes the log must be stopped, and uses the new key when it is started
again. For the days of the overlap both keys sign, so that auditors have time to take the new verifier key; the first
start after them retires the old one. Entries and origin stay. A key that was stolen or lost cannot be rotated: start a
new log.
Exit codes: 0 rotated, 1 the log is being written or an earlier rotation is not over, 2 wrong usage, 3 the log is not
what was written.
`

const DAY_MS = 24 * 60 * 60 * 1000

interface RotateFlags extends WhereFlags {
  readonly stateDir?: string
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
  const { config, stateDir } = flags
  const given = { ...(config !== undefined && { config }), ...(stateDir !== undefined && { stateDir }) }
  const { config: decided } = loadConfig({ command: 'serve', flags: given, env: io.env })
  const opened = await openEvidence({
    location: { directory: log.directory },
    stateDir: decided.stateDir,
    startEmpty: false,
    ...(decided.evidence.anchorTo !== undefined && { anchorTo: decided.evidence.anchorTo }),
    verifier: createNodeEd25519Verifier({ maxKeys: 64 }),
    createSigner: createNodeEd25519Signer,
    random: systemRandom,
    clock: systemClock,
    timer: systemTimer,
    telemetry: createTelemetry(createLogger({ level: 'warn', pretty: io.stderrIsTty }), createMetrics()),
  })
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
