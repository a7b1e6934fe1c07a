import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { readBoundedFile } from '../../config/read-bounded-file.ts'
import { parseVerifierKey, type VerifierKey } from '../../domain/evidence/verifier-key.ts'
import { CommandRefused } from './refused.ts'

const MAX_BYTES = 64 * 1024

/**
 * The keys that `--vkey` names: a verifier key itself, or a file with one on each line. All
 * have one name, that of the log.
 *
 * @throws {EvidenceRefused} VKEY_MALFORMED
 * @throws {CommandRefused} when there is none, or they are of several logs
 */
export function readVerifierKeys(given: string): readonly [VerifierKey, ...VerifierKey[]] {
  const text = existsSync(resolve(given)) ? new TextDecoder().decode(readBoundedFile(resolve(given), MAX_BYTES)) : given
  const lines = text.split('\n').map((line) => line.trim())
  const [first, ...others] = lines.filter((line) => line !== '' && !line.startsWith('#')).map(parseVerifierKey)
  if (first === undefined) throw new CommandRefused(`There is no verifier key in ${given}.`)
  if (others.some(({ name }) => name !== first.name)) {
    throw new CommandRefused(`The verifier keys in ${given} are of several logs: give those of one.`)
  }
  return [first, ...others]
}
