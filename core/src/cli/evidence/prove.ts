import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { errorCode } from '../../adapters/evidence/error-code.ts'
import { createFileDurably, makeDirectoryDurably, syncDirectory } from '../../adapters/files/durable-write.ts'
import { formatReceipt } from '../../domain/evidence/receipt.ts'
import { type CliIo, printJson, printTable } from '../print.ts'
import { createProgress } from './progress.ts'
import { recordsForward, type StoredRecord } from './read-records.ts'
import { answering, CommandRefused } from './refused.ts'
import { findLogs, type StoredLog, type WhereFlags, whereOptions } from './stored-logs.ts'

const HELP = `
Example:
  $ capiscio evidence prove 7f0e0000-0000-4000-8000-000000000000 --out proof
  $ capiscio evidence verify-receipt proof/7f0e….tlog-proof --leaf proof/7f0e….json --vkey proof/7f0e….vkey

Writes three files: the record as it is hashed (.json), the receipt (.tlog-proof), and the verifier key (.vkey),
which whoever checks should have from elsewhere.
Exit codes: 0 written, 1 no such record, 2 wrong usage, 3 the log is not what was written.
`

interface ProveFlags extends WhereFlags {
  readonly out: string
  readonly json: boolean
}

/** `capiscio evidence prove`: a receipt for one record, to be checked without the log. */
export function addProveCommand(evidence: Command, io: CliIo): void {
  whereOptions(evidence.command('prove').description('write a receipt for one record'))
    .argument('<evidence-id>', 'id of the record')
    .option('--out <dir>', 'folder for the files', '.')
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((id: string, flags: ProveFlags) => answering(io, flags.json, () => prove(id, flags, io)))
}

async function prove(id: string, flags: ProveFlags, io: CliIo): Promise<void> {
  // It becomes a file name.
  if (!/^[0-9a-f-]{36}$/.test(id)) {
    throw new CommandRefused('An evidence id is a lower-case UUID, as in a decision or the output of "evidence query".')
  }
  for (const log of await findLogs(flags, io)) {
    const found = await find(id, log, io)
    if (found === undefined) continue
    const folder = resolve(flags.out)
    const files = {
      leaf: join(folder, `${id}.json`),
      receipt: join(folder, `${id}.tlog-proof`),
      vkey: join(folder, `${id}.vkey`),
    }
    await makeDirectoryDurably(folder)
    await write(files.leaf, found.record.leaf)
    await write(files.receipt, new TextEncoder().encode(found.receipt))
    await write(files.vkey, new TextEncoder().encode(`${log.vkey}\n`))
    await syncDirectory(folder)
    const { origin, index } = found.record
    if (flags.json) printJson(io, { ok: true, id, log: origin, index, size: found.size, files })
    else {
      printTable(io, [
        ['record', `${index} of ${origin}, proven in the tree of ${found.size}`],
        ['written', files.leaf],
        ['', files.receipt],
        ['', files.vkey],
      ])
    }
    return
  }
  throw new CommandRefused(`No log here has a record with the evidence id ${id}.`)
}

async function find(
  id: string,
  log: StoredLog,
  io: CliIo,
): Promise<{ readonly record: StoredRecord; readonly receipt: string; readonly size: number } | undefined> {
  const reader = await log.open()
  const checkpoint = reader.checkpoint()
  const { size } = reader
  const progress = createProgress(io, 'searching')
  try {
    for await (const record of recordsForward(reader, {}, { onProgress: (done) => progress.report(done, size) })) {
      if (record.facts.id !== id || checkpoint === undefined) continue
      const proof = await reader.inclusionProof(record.index, size)
      return { record, receipt: formatReceipt({ index: record.index, proof, checkpoint }), size }
    }
    return undefined
  } finally {
    progress.clear()
  }
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await createFileDurably(path, bytes)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    throw new CommandRefused(`${path} exists already. Name another folder with --out.`, { cause: error })
  }
}
