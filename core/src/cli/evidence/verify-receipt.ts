import { resolve } from 'node:path'
import { hex } from '@scure/base'
import { type Command, Option } from 'commander'
import { createNodeEd25519Verifier } from '../../adapters/crypto/node-ed25519.ts'
import { readBoundedFile } from '../../config/read-bounded-file.ts'
import { type Cosignature, demandWitnesses } from '../../domain/evidence/demand-witnesses.ts'
import { parseReceipt, verifyReceipt } from '../../domain/evidence/receipt.ts'
import { MAX_ENTRY_BYTES } from '../../domain/evidence/record.ts'
import { readRecordFacts } from '../../domain/evidence/record-facts.ts'
import { formatRfc3339 } from '../../lib/rfc3339.ts'
import { type CliIo, printJson, printTable } from '../print.ts'
import { collect, readVerifierKeys, readWitnessKeys } from './key-option.ts'
import { answering, CommandRefused } from './refused.ts'

const HELP = `
Example:
  $ capiscio evidence verify-receipt proof.tlog-proof --leaf record.json --vkey log.vkey

--vkey is the log's verifier key, or a file with it. Take it from the log's owner, not from whoever gave you the receipt.
--witness is the verifier key of a witness that must have cosigned the receipt's checkpoint, or a file with such keys; repeatable.
Proves: the log, whose key signed the checkpoint, contains exactly these bytes at this position.
Does not prove: that what the record says happened, or that the log shows everybody the same history; with --witness, that it shows
another one to those who demand no witness, or another.
Exit codes: 0 proven, 1 a file cannot be read, 2 wrong usage, 3 not proven.
`

const MAX_RECEIPT_BYTES = 1024 * 1024 + 4096

interface VerifyReceiptFlags {
  readonly leaf: string
  readonly vkey: string
  readonly witness: readonly string[]
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
    .addOption(
      new Option('--witness <key>', 'a witness that must have cosigned').default([], 'none').argParser(collect),
    )
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((file: string, flags: VerifyReceiptFlags) => answering(io, flags.json, async () => verify(file, flags, io)))
}

function verify(file: string, { leaf: leafFile, vkey, witness, json }: VerifyReceiptFlags, io: CliIo): void {
  const receipt = new TextDecoder().decode(readGiven(file, MAX_RECEIPT_BYTES))
  const leaf = readGiven(leafFile, MAX_ENTRY_BYTES)
  const keys = readVerifierKeys(vkey)
  const witnesses = readWitnessKeys(witness)
  const verifier = createNodeEd25519Verifier({ maxKeys: 100 })
  const { index, checkpoint } = verifyReceipt(receipt, leaf, keys, verifier)
  const { origin, size, root } = checkpoint
  const note = parseReceipt(receipt).checkpoint
  const { cosignatures } = demandWitnesses(note, origin, keys, witnesses, verifier)
  const facts = readRecordFacts(leaf)
  if (json) {
    printJson(io, { ok: true, log: origin, index, size, root: hex.encode(root), cosignatures, record: facts })
    return
  }
  const says = facts.kind === 'decision' ? `${facts.decision} for ${facts.tool}` : facts.kind
  printTable(io, [
    ['proven', `these bytes are record ${index} of ${origin}`],
    ['signed', `a tree of ${size} records with root ${hex.encode(root)}`],
    ...cosignatures.map(cosigned),
    ['record', `${says}, caller ${facts.principal || 'anonymous'}, ${facts.id}`],
    [
      'not proven',
      cosignatures.length > 0
        ? 'that what it says happened, or what is shown to those who demand other witnesses'
        : 'that what it says happened, or that the log shows everybody the same history',
    ],
  ])
}

function cosigned({ witness, time }: Cosignature): readonly string[] {
  return ['cosigned', `by ${witness}, which says at ${instant(time)}`]
}

/** The last second that RFC 3339 can write. */
const LAST_SECOND = 253_402_300_799

function instant(seconds: number): string {
  return seconds <= LAST_SECOND ? formatRfc3339(seconds * 1000) : `${seconds} seconds after 1970`
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
