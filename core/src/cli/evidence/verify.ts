import { join, resolve } from 'node:path'
import { hex } from '@scure/base'
import { type Command, Option } from 'commander'
import { createNodeEd25519Verifier } from '../../adapters/crypto/node-ed25519.ts'
import { systemClock } from '../../adapters/time/system-clock.ts'
import { demandWitnesses } from '../../domain/evidence/demand-witnesses.ts'
import { EvidenceRefused } from '../../domain/evidence/evidence-errors.ts'
import type { Finding } from '../../domain/evidence/findings.ts'
import { formatVerifierKey, type VerifierKey } from '../../domain/evidence/verifier-key.ts'
import type { LogVerdict } from '../../domain/evidence/verify-log.ts'
import type { WitnessKey } from '../../domain/evidence/witness-key.ts'
import { verifyEvidenceLog } from '../../setup/evidence/verify-evidence-log.ts'
import { type CliIo, EXIT_EVIDENCE, printJson, printTable } from '../print.ts'
import { collect, readVerifierKeys, readWitnessKeys } from './key-option.ts'
import { createProgress } from './progress.ts'
import { answering, CommandRefused } from './refused.ts'
import { checkpointFile, findSavedLogs, readSavedCheckpoints } from './saved-checkpoints.ts'
import { type StoredLog, type WhereFlags, whereOptions } from './stored-logs.ts'

const HELP = `
Examples:
  $ capiscio evidence verify
  $ capiscio evidence verify --evidence-log /srv/log --vkey log.vkey --anchors /mnt/elsewhere/anchors

Checks every entry, tile and signature. Without --vkey, under the key that the log itself names: whoever could replace
the whole folder could replace that too. --anchors is a folder that "capiscio evidence anchor --save" fills: a log that
was rewritten, or put back to an older state, does not extend what is there, and one that was removed is missed; with
--vkey or --log, only the one log that is meant. --witness is the verifier key of a witness, or a file with such keys; repeatable.
Of each log that is verified there must then be a checkpoint in --anchors that is cosigned by it.
Exit codes: 0 every log is what was written, 1 no log there, 2 wrong usage, 3 some log is not, or is gone.
`

interface VerifyFlags extends WhereFlags {
  readonly vkey?: string
  readonly anchors?: string
  readonly witness: readonly string[]
  readonly json: boolean
}

/** `capiscio evidence verify`: whether the logs are what was written. */
export function addVerifyCommand(evidence: Command, io: CliIo): void {
  whereOptions(evidence.command('verify').description('check that the logs are what was written'))
    .option('--vkey <key>', "the log's verifier key from elsewhere, or a file with it")
    .option('--anchors <dir>', 'folder of checkpoints that were saved elsewhere')
    .addOption(
      new Option('--witness <key>', 'a witness that must have cosigned what was saved')
        .default([], 'none')
        .argParser(collect),
    )
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((flags: VerifyFlags, command: Command) => {
      if (flags.witness.length > 0 && flags.anchors === undefined) {
        const message = 'error: --witness needs --anchors, the folder of the checkpoints that were cosigned.'
        command.error(message, { exitCode: 2, code: 'capiscio.evidenceVerify' })
      }
      return answering(io, flags.json, () => verify(flags, io))
    })
}

async function verify(flags: VerifyFlags, io: CliIo): Promise<void> {
  const pinned = flags.vkey === undefined ? undefined : readVerifierKeys(flags.vkey)
  const anchors = flags.anchors === undefined ? undefined : resolve(flags.anchors)
  const saved = anchors === undefined ? undefined : await readSavedCheckpoints(anchors)
  // A pinned key says which log is meant, and its absence is refused by itself.
  const expected = pinned === undefined ? (saved ?? new Map()) : new Map()
  const logs = logsToVerify(await findSavedLogs(expected, anchors, flags, io), pinned)
  const witnesses = readWitnessKeys(flags.witness)
  const results: VerifiedLog[] = []
  for (const log of logs) {
    const progress = createProgress(io, 'verifying')
    const note = saved?.get(log.id)
    const file = join(anchors ?? '', checkpointFile(log.id))
    const startedMs = systemClock.monotonicMs()
    const verified = await verifyEvidenceLog({
      directory: log.directory,
      verifier: createNodeEd25519Verifier({ maxKeys: 64 }),
      ...(pinned && { vkeys: pinned.map(formatVerifierKey) }),
      anchorNotes: note === undefined ? [] : [{ name: file, note }],
      onProgress: ({ verified, size }) => progress.report(verified, size),
    }).finally(progress.clear)
    const unseen = findUnseen(note, file, log.origin, pinned ?? log.keys, witnesses)
    const verdict = unseen === undefined ? verified : withFinding(verified, unseen)
    if (!verdict.ok) io.setExitCode(EXIT_EVIDENCE)
    const seconds = (systemClock.monotonicMs() - startedMs) / 1000
    const cosignedBy = witnesses.map(({ name }) => name)
    const result = { log, verdict, pinned: pinned !== undefined, anchored: note !== undefined, cosignedBy, seconds }
    results.push(result)
    if (!flags.json) printTable(io, rowsOf(result))
  }
  if (flags.json) printJson(io, { ok: results.every(({ verdict }) => verdict.ok), logs: results.map(asJson) })
}

/** What the witnesses that are asked for did not vouch for; `undefined` when they did, or none is asked for. */
function findUnseen(
  note: Uint8Array | undefined,
  file: string,
  origin: string,
  keys: readonly VerifierKey[],
  witnesses: readonly WitnessKey[],
): Finding | undefined {
  if (witnesses.length === 0) return undefined
  if (note === undefined) return { code: 'CHECKPOINT_NOT_COSIGNED', file, expected: 'a checkpoint that was cosigned' }
  try {
    demandWitnesses(note, origin, keys, witnesses, createNodeEd25519Verifier({ maxKeys: 64 }))
    return undefined
  } catch (refused) {
    if (!(refused instanceof EvidenceRefused) || refused.code === 'WITNESS_NOT_INDEPENDENT') throw refused
    return { code: refused.code, file, expected: refused.expected ?? refused.message }
  }
}

function withFinding(verdict: LogVerdict, finding: Finding): LogVerdict {
  return { ok: false, findings: verdict.ok ? [finding] : [...verdict.findings, finding] }
}

interface VerifiedLog {
  readonly log: StoredLog
  readonly verdict: LogVerdict
  /** The key came from the command line and not from the log. */
  readonly pinned: boolean
  /** It was compared with a saved checkpoint. */
  readonly anchored: boolean
  /** Names of the witnesses that cosigned that checkpoint, and had to. */
  readonly cosignedBy: readonly string[]
  /** How long it took. */
  readonly seconds: number
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

function asJson({ log, verdict, pinned, anchored, cosignedBy, seconds }: VerifiedLog): object {
  const about = {
    log: log.origin,
    directory: log.directory,
    keyFrom: pinned ? '--vkey' : 'log.json',
    anchored,
    ...(cosignedBy.length > 0 && { cosignedBy }),
    seconds,
  }
  return verdict.ok ? { ...about, ...verdict, root: hex.encode(verdict.root) } : { ...about, ...verdict }
}

function rowsOf({ log, verdict, pinned, anchored, cosignedBy, seconds }: VerifiedLog): readonly (readonly string[])[] {
  const about = [
    ['log', log.origin],
    ['folder', log.directory],
  ]
  if (!verdict.ok) {
    const findings = verdict.findings.map(({ code, file, index, expected }) => {
      const entry = index === undefined ? '' : `, entry ${index}`
      return ['', `${code} in ${file}${entry}: expected ${expected}`]
    })
    return [...about, ['NOT VERIFIED', 'this log is not what was written'], ...findings]
  }
  const { size, root, firstKept } = verdict
  const removed =
    firstKept === 0 ? '' : `; the first ${firstKept} were removed by retention, and only their hashes are here`
  return [
    ...about,
    ['verified', `${size} records, root ${hex.encode(root)}${removed}`],
    ['took', `${seconds.toFixed(2)} s, ${(size / seconds).toFixed(0)} records per second`],
    ['key', pinned ? 'the one given with --vkey' : 'the one in log.json: compare it with a copy kept elsewhere'],
    [
      'anchor',
      anchored
        ? `extends the saved checkpoint${cosignedBy.length > 0 ? `, cosigned by ${cosignedBy.join(', ')}` : ''}`
        : 'none: a rewrite with the log key is not noticed',
    ],
  ]
}
