import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createNodeEd25519Verifier } from './adapters/crypto/node-ed25519.ts'
import { listJournalSegments } from './adapters/evidence/journal-segments.ts'
import { readLogIdentity } from './adapters/evidence/log-identity.ts'
import { readEntries } from './domain/evidence/read-entries.ts'
import { recoverJournal } from './domain/evidence/recover-journal.ts'
import { parseVerifierKey } from './domain/evidence/verifier-key.ts'

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
 * Each log is proven before its first record is given: frames, order, and every signed
 * checkpoint against the entries before it, under the key that the log's own `log.json`
 * names. Whoever could replace the whole folder could replace that too: compare `origin`
 * and key with a copy kept elsewhere.
 *
 * @throws {EvidenceRefused} when a log is not what was written, with file and index
 */
export async function* readEvidenceLogs({
  root,
}: {
  readonly root: string
}): AsyncGenerator<LoggedRecord, void, undefined> {
  const verifier = createNodeEd25519Verifier({ maxKeys: 16 })
  const logs = join(root, 'logs')
  for (const id of (await readdir(logs)).sort()) {
    const directory = join(logs, id)
    const identity = await readLogIdentity(directory)
    if (identity === undefined) continue
    const { origin, vkey } = identity
    const segments = await listJournalSegments(directory)
    const { tree } = await recoverJournal({ segments, origin, keys: [parseVerifierKey(vkey)], verifier, known: [] })
    for await (const entry of readEntries(segments, { to: tree.size })) yield { origin, ...entry }
  }
}
