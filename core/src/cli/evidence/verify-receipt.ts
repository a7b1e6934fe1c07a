import { resolve } from 'node:path'
import { hex } from '@scure/base'
import type { Command } from 'commander'
import { createNodeEd25519Verifier } from '../../adapters/crypto/node-ed25519.ts'
import { readBoundedFile } from '../../config/read-bounded-file.ts'
import { verifyReceipt } from '../../domain/evidence/receipt.ts'
import { MAX_ENTRY_BYTES } from '../../domain/evidence/record.ts'
import { readRecordFacts } from '../../domain/evidence/record-facts.ts'
import { type CliIo, printJson, printTable } from '../print.ts'
import { answering, CommandRefused } from './refused.ts'
import { readVerifierKeys } from './verifier-key-option.ts'

const HELP = `
Example:
  $ capiscio evidence verify-receipt proof.tlog-proof --leaf record.json --vkey log.vkey

--vkey is the log's verifier key, or a file with it. Take it from the log's owner, not from whoever gave you the receipt.
Proves: the log, whose key signed the checkpoint, contains exactly these bytes at this position.
Does not prove: that what the record says happened, or that the log shows everybody the same history.
Exit codes: 0 proven, 1 a file cannot be read, 2 wrong usage, 3 not proven.
`

const MAX_RECEIPT_BYTES = 1024 * 1024 + 4096

interface VerifyReceiptFlags {
  readonly leaf: string
  readonly vkey: string
  readonly json: boolean
}

/** `capiscio evidence verify-receipt`: check a receipt without the log. */
export function addVerifyReceiptCommand(evidence: Command, io: CliIo): void {
  evidence
    .command('verify-receipt')
    .description('check a receipt for one record, without the log')
    .argument('<receipt>', 'the .tlog-proof file')
    .requiredOption('--leaf <file>', 'the record, byte for byte')
    .requiredOption('--vkey <key>', "the log's verifier key, or a file with it")
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((file: string, flags: VerifyReceiptFlags) => answering(io, flags.json, async () => verify(file, flags, io)))
}

function verify(file: string, { leaf: leafFile, vkey, json }: VerifyReceiptFlags, io: CliIo): void {
  const receipt = new TextDecoder().decode(readGiven(file, MAX_RECEIPT_BYTES))
  const leaf = readGiven(leafFile, MAX_ENTRY_BYTES)
  const keys = readVerifierKeys(vkey)
  const { index, checkpoint } = verifyReceipt(receipt, leaf, keys, createNodeEd25519Verifier({ maxKeys: 100 }))
  const { origin, size, root } = checkpoint
  const facts = readRecordFacts(leaf)
  if (json) {
    printJson(io, { ok: true, log: origin, index, size, root: hex.encode(root), record: facts })
    return
  }
  const says = facts.kind === 'decision' ? `${facts.decision} for ${facts.tool}` : facts.kind
  printTable(io, [
    ['proven', `these bytes are record ${index} of ${origin}`],
    ['signed', `a tree of ${size} records with root ${hex.encode(root)}`],
    ['record', `${says}, caller ${facts.principal || 'anonymous'}, ${facts.id}`],
    ['not proven', 'that what it says happened, or that the log shows everybody the same history'],
  ])
}

function readGiven(path: string, maxBytes: number): Uint8Array {
  try {
    return readBoundedFile(resolve(path), maxBytes)
  } catch (cause) {
    throw new CommandRefused(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}
