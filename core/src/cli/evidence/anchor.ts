import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { createNodeEd25519Verifier } from '../../adapters/crypto/node-ed25519.ts'
import { makeDirectoryDurably, writeFileDurably } from '../../adapters/files/durable-write.ts'
import { openCheckpoint } from '../../domain/evidence/checkpoint.ts'
import { EvidenceRefused } from '../../domain/evidence/evidence-errors.ts'
import { type CliIo, printJson, printTable } from '../print.ts'
import { answering } from './refused.ts'
import { checkpointFile, extendsTree, findSavedLogs, readSavedCheckpoints } from './saved-checkpoints.ts'
import { type StoredLog, type WhereFlags, whereOptions } from './stored-logs.ts'

const HELP = `
Examples:
  $ capiscio evidence anchor
  $ capiscio evidence anchor --save /mnt/elsewhere/anchors

Prints the newest checkpoint of each log. With --save, first checks that each log extends the checkpoint that was
saved there before, and then replaces it: run it from cron, with the folder on a machine that the log's writer cannot
reach. That is what makes a rewritten or removed log noticeable.
Exit codes: 0 saved or printed, 1 no log there, 2 wrong usage, 3 a log does not extend its saved checkpoint, or is gone.
`

interface AnchorFlags extends WhereFlags {
  readonly save?: string
  readonly json: boolean
}

interface Anchored {
  readonly log: StoredLog
  readonly size: number
  /** The signed note; absent while the log is empty. */
  readonly note: Uint8Array | undefined
  /** Size of the tree that was saved before; absent when none was. */
  readonly extended?: number
}

/** `capiscio evidence anchor`: the newest checkpoints, for another place. */
export function addAnchorCommand(evidence: Command, io: CliIo): void {
  whereOptions(
    evidence.command('anchor').description('print or save the newest checkpoints, checked against earlier ones'),
  )
    .option('--save <dir>', 'folder elsewhere that remembers a checkpoint of each log')
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((flags: AnchorFlags) => answering(io, flags.json, () => anchor(flags, io)))
}

async function anchor(flags: AnchorFlags, io: CliIo): Promise<void> {
  const folder = flags.save === undefined ? undefined : resolve(flags.save)
  const saved = folder === undefined ? new Map<string, Uint8Array>() : await readSavedCheckpoints(folder)
  const logs = await findSavedLogs(saved, folder, flags, io)
  // All are checked before one is replaced: a log that does not hold keeps its evidence against it.
  const anchored: Anchored[] = []
  for (const log of logs) anchored.push(await check(log, saved.get(log.id)))
  if (folder !== undefined) {
    await makeDirectoryDurably(folder)
    for (const { log, note } of anchored) {
      // Of the same tree, what is there may hold more signatures: those of witnesses.
      if (note === undefined || isOfSameTree(note, saved.get(log.id))) continue
      await writeFileDurably(join(folder, checkpointFile(log.id)), note)
    }
  }
  show(anchored, folder, flags.json, io)
}

/** Whether two notes sign the same text. The saved one was verified before. */
function isOfSameTree(note: Uint8Array, saved: Uint8Array | undefined): boolean {
  if (saved === undefined) return false
  const [text, savedText] = [note, saved].map((bytes) => new TextDecoder().decode(bytes).split('\n\n')[0])
  return text === savedText
}

/** @throws {EvidenceRefused} when the log does not extend the checkpoint that was saved */
async function check(log: StoredLog, earlier: Uint8Array | undefined): Promise<Anchored> {
  const reader = await log.open()
  const note = reader.checkpoint()
  const anchored = { log, size: reader.size, note }
  if (earlier === undefined) return anchored
  const verifier = createNodeEd25519Verifier({ maxKeys: 64 })
  const before = openCheckpoint(earlier, log.origin, log.keys, verifier)
  const now = note && openCheckpoint(note, log.origin, log.keys, verifier)
  if (!(await extendsTree(reader, before, now))) {
    const message = `The log ${log.origin} does not extend the checkpoint of ${before.size} records that was saved: records were changed, or an older copy was put back.`
    throw new EvidenceRefused('JOURNAL_ROLLED_BACK', message, { expected: `${before.size} records as they were` })
  }
  return { ...anchored, extended: before.size }
}

function show(anchored: readonly Anchored[], folder: string | undefined, json: boolean, io: CliIo): void {
  const text = (note: Uint8Array | undefined): string => (note === undefined ? '' : new TextDecoder().decode(note))
  if (json) {
    const logs = anchored.map(({ log, size, note, extended }) => ({
      ...{ log: log.origin, vkey: log.vkey, size, checkpoint: text(note) },
      ...(extended !== undefined && { extends: extended }),
    }))
    printJson(io, { ok: true, logs, ...(folder !== undefined && { saved: folder }) })
  } else if (folder === undefined) {
    for (const { note } of anchored) io.stdout(text(note))
  } else {
    printTable(
      io,
      anchored.map(({ log, size, extended }) => [
        log.origin,
        `${size} records`,
        extended === undefined ? 'saved for the first time' : `extends the ${extended} that were saved`,
      ]),
    )
  }
}
