import { createNodeEd25519Verifier } from '../../adapters/crypto/node-ed25519.ts'
import { logsUnder } from './logs-under-root.ts'
import { openEvidenceReader } from './open-evidence-reader.ts'

/** One record of one log. */
export interface LoggedRecord {
  /** The log's name. */
  readonly origin: string
  /** Position in that log, from 0. */
  readonly index: number
  /** The record's bytes, as hashed. */
  readonly leaf: Uint8Array
}

/**
 * Reads every record of every log under an evidence root (`CAPISCIO_EVIDENCE_DIR`), oldest
 * first, without a lock and without changing anything: a running core goes on writing.
 *
 * Each record is proven before it is given: it is in the tree of the log's newest signed
 * checkpoint, under the key that the log's own `log.json` names. Records that retention
 * removed are passed over. Whoever could replace the whole folder could replace that too: compare `origin`
 * and key with a copy kept elsewhere.
 *
 * @throws {EvidenceRefused} when a log is not what was written, with file and index
 * @throws {LogDirectoryRefused} when a folder does not tell which log it is
 */
export async function* readEvidenceLogs({
  root,
}: {
  readonly root: string
}): AsyncGenerator<LoggedRecord, void, undefined> {
  const verifier = createNodeEd25519Verifier({ maxKeys: 16 })
  for (const { directory } of await logsUnder(root)) {
    const reader = await openEvidenceReader(directory, verifier)
    for await (const entry of reader.entries(await reader.firstKept(), reader.size)) {
      yield { origin: reader.origin, ...entry }
    }
  }
}
