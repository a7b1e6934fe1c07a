import { resolve } from 'node:path'
import { errorCode } from '../../adapters/evidence/error-code.ts'
import { readBoundedFile } from '../../config/read-bounded-file.ts'
import { parseVerifierKey, type VerifierKey } from '../../domain/evidence/verifier-key.ts'
import { parseWitnessKey, type WitnessKey } from '../../domain/evidence/witness-key.ts'
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
  const [first, ...others] = keysIn(given).map(parseVerifierKey)
  if (first === undefined) throw new CommandRefused(`There is no verifier key in ${given}.`)
  if (others.some(({ name }) => name !== first.name)) {
    throw new CommandRefused(`The verifier keys in ${given} are of several logs: give those of one.`)
  }
  return [first, ...others]
}

/**
 * The witnesses that `--witness` names: the verifier key of one, or a file with one on each line.
 *
 * @throws {EvidenceRefused} VKEY_MALFORMED
 * @throws {CommandRefused} when there is none, or one is named twice
 */
export function readWitnessKeys(given: readonly string[]): readonly WitnessKey[] {
  const witnesses = given.flatMap((one) => {
    const keys = keysIn(one).map(parseWitnessKey)
    if (keys.length === 0) throw new CommandRefused(`There is no witness key in ${one}.`)
    return keys
  })
  const twice = witnesses.find(({ name }, index) => witnesses.findIndex((other) => other.name === name) !== index)
  if (twice !== undefined) throw new CommandRefused(`The witness ${twice.name} is named twice: it has one opinion.`)
  return witnesses
}

/** For options that may be given several times. */
export function collect(text: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, text]
}

/** What looks like the name of a file, and no key does: keys have a plus sign. */
const FILE_NAME = /^[^+]*[/.][^+]*$/

function keysIn(given: string): readonly string[] {
  const text = textOf(given)
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '' && !line.startsWith('#'))
}

function textOf(given: string): string {
  if (given === '') throw new CommandRefused('The key is empty: give it, or a file with it.')
  try {
    return new TextDecoder().decode(readBoundedFile(resolve(given), MAX_BYTES))
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT' && !FILE_NAME.test(given)) return given
    throw new CommandRefused(`${given} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
