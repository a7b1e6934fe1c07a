import { realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { createNodeEd25519Verifier } from '../../adapters/crypto/node-ed25519.ts'
import { errorCode } from '../../adapters/evidence/error-code.ts'
import { listJournalSegments } from '../../adapters/evidence/journal-segments.ts'
import { readLogIdentity } from '../../adapters/evidence/log-identity.ts'
import { loadConfig } from '../../config/load-config.ts'
import type { LogReader } from '../../domain/evidence/log-reader.ts'
import type { VerifierKey } from '../../domain/evidence/verifier-key.ts'
import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import { verifierKeysOf } from '../../setup/evidence/log-keys.ts'
import { type FoundLog, logsUnder } from '../../setup/evidence/logs-under-root.ts'
import { openEvidenceReader } from '../../setup/evidence/open-evidence-reader.ts'
import type { CliIo } from '../print.ts'
import { CommandRefused } from './refused.ts'

/** Where the logs are, as the command line says. */
export interface WhereFlags {
  readonly root?: string
  readonly evidenceLog?: string
  readonly config?: string
  /** Origin, or its last part. */
  readonly log?: string
}

/** One log on this machine, for reading. */
export interface StoredLog {
  /** Sixteen hexadecimal digits, the last part of the origin. */
  readonly id: string
  readonly origin: string
  readonly vkey: string
  /** Past and present. */
  readonly keys: readonly VerifierKey[]
  readonly directory: string
  /** Reads what is durable now; a log that is being written may have more at the next call. */
  open(): Promise<LogReader>
  /** Another one when the log has grown. Cheap, where opening reads what is left of the journal. */
  mark(): Promise<string>
}

/** The flags by which every command of `capiscio evidence` finds logs. */
export function whereOptions(command: Command): Command {
  return command
    .option('--root <dir>', 'read all logs under this folder (default: as "capiscio serve" would use)')
    .option('--evidence-log <dir>', 'read exactly the log in this folder')
    .option('--config <file>', 'configuration file that says where the logs are')
    .option('--log <origin>', 'only the log with this origin, or its last part')
}

/**
 * The logs that the flags mean, in the order of their names.
 *
 * @throws {CommandRefused} when there is none
 * @throws {EvidenceRefused} or {LogDirectoryRefused} when a folder does not tell any more which log it is
 */
export async function findLogs(flags: WhereFlags, io: CliIo): Promise<readonly StoredLog[]> {
  if (flags.root !== undefined && flags.evidenceLog !== undefined) {
    throw new CommandRefused('Give --root for all logs or --evidence-log for one, not both.')
  }
  const place = placeOf(flags, io)
  const id = flags.log?.slice(flags.log.lastIndexOf('/') + 1)
  const found = place.directory === undefined ? await foundUnder(place.root, id) : await foundIn(place.directory)
  const meant = found.filter(
    ({ identity }) => flags.log === undefined || flags.log === identity.origin || flags.log === identity.id,
  )
  const verifier = createNodeEd25519Verifier({ maxKeys: 64 })
  if (meant.length > 0) return Promise.all(meant.map((log) => storedLog(log, verifier)))
  const where = place.directory ?? place.root
  throw new CommandRefused(
    flags.log === undefined
      ? `There is no evidence log in ${where}. Name another folder with --root or --evidence-log.`
      : `No log in ${where} has the origin ${flags.log}.`,
  )
}

function placeOf({ root, evidenceLog, config }: WhereFlags, io: CliIo): { root: string; directory?: string } {
  if (evidenceLog !== undefined) return { root: '', directory: resolve(evidenceLog) }
  if (root !== undefined) return { root: resolve(root) }
  const flags = config === undefined ? {} : { config }
  const { evidence } = loadConfig({ command: 'serve', flags, env: io.env }).config
  return evidence.directory === undefined ? { root: evidence.root } : { root: '', directory: evidence.directory }
}

async function foundUnder(root: string, id: string | undefined): Promise<readonly FoundLog[]> {
  try {
    return await logsUnder(root, id)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    throw new CommandRefused(`${join(root, 'logs')} cannot be read: ${error.message}`, { cause: error })
  }
}

async function foundIn(directory: string): Promise<readonly FoundLog[]> {
  const identity = await readLogIdentity(directory)
  return identity === undefined ? [] : [{ directory, identity }]
}

async function storedLog({ directory, identity }: FoundLog, verifier: Ed25519Verifier): Promise<StoredLog> {
  const { id, origin, vkey } = identity
  return {
    ...{ id, origin, vkey, keys: verifierKeysOf(identity) },
    directory: await realpath(directory),
    open: () => openEvidenceReader(directory, verifier),
    async mark() {
      // Every record is added to the newest file of the journal.
      const newest = (await listJournalSegments(directory)).at(-1)
      return `${newest?.name} ${newest?.size}`
    },
  }
}
