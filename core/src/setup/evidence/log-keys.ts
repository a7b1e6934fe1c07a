import { LogDirectoryRefused } from '../../adapters/evidence/log-directory-refused.ts'
import type { EarlierKey, LogIdentity } from '../../adapters/evidence/log-identity.ts'
import type { StoredLogKey } from '../../adapters/evidence/log-state.ts'
import type { LogDirectory } from '../../adapters/evidence/open-log-directory.ts'
import { EvidenceRefused } from '../../domain/evidence/evidence-errors.ts'
import {
  createVerifierKey,
  formatVerifierKey,
  parseVerifierKey,
  type VerifierKey,
} from '../../domain/evidence/verifier-key.ts'
import type { Ed25519Signer } from '../../ports/ed25519.ts'

/** The keys that may vouch for a log, the one that signs first. */
export function verifierKeysOf({
  vkey,
  earlierKeys,
}: Pick<LogIdentity, 'vkey' | 'earlierKeys'>): readonly VerifierKey[] {
  return [
    parseVerifierKey(vkey),
    ...earlierKeys.map(({ vkey, retiredAfter }) => ({
      ...parseVerifierKey(vkey),
      ...(retiredAfter !== undefined && { retiredAfter }),
    })),
  ]
}

/** The signing keys of a log that is being opened (evidence-log §5.1). */
export interface LogKeys {
  readonly keys: readonly VerifierKey[]
  readonly signer: Ed25519Signer
  /** Signs beside it while the overlap lasts. */
  readonly previousSigner: Ed25519Signer | undefined
  /**
   * Finishes what a rotation left to do, when the log is proven and published up to `size`
   * and before anything new is signed: stores the keys of a rotation that was interrupted,
   * and retires a key whose overlap is over. `lastCheckpoint` is the last that it signed.
   */
  settle(size: number, lastCheckpoint: Uint8Array | undefined): Promise<void>
  /** What the state folder holds now. */
  stored(): StoredLogKey
}

/**
 * Reads which keys sign, and which may have signed before. Both come from the state folder:
 * whoever can write the log folder, and has none of its keys, can name any key in `log.json`.
 * Changes nothing yet.
 *
 * @throws {EvidenceRefused} LOG_KEY_MISMATCH when `log.json` and the state folder name different keys
 */
export function openLogKeys(
  opened: LogDirectory,
  createSigner: (seed: Uint8Array) => Ed25519Signer,
  nowMs: number,
): LogKeys {
  const { origin, directory, vkey } = opened
  const vkeyOf = (seed: Uint8Array) => formatVerifierKey(createVerifierKey(origin, createSigner(seed).publicKey))
  const isPromoted = opened.key.nextSeed !== undefined && vkeyOf(opened.key.nextSeed) === vkey
  let stored = isPromoted ? promoted(opened.key, vkeyOf(opened.key.seed)) : opened.key
  const { seed, previousSeed, overlapUntilMs = 0, earlierKeys = [] } = stored
  const previousVkey = previousSeed && vkeyOf(previousSeed)
  if (vkeyOf(seed) !== vkey || !isNamed(earlierKeys, opened.earlierKeys, previousVkey)) {
    const message = `log.json in ${directory} names other keys than the state folder holds. Put the right one back from a copy.`
    throw new EvidenceRefused('LOG_KEY_MISMATCH', message, { file: 'log.json' })
  }
  const isOverlap = previousSeed !== undefined && nowMs < overlapUntilMs

  async function settle(size: number, lastCheckpoint: Uint8Array | undefined): Promise<void> {
    if (previousVkey !== undefined && !isOverlap) {
      if (lastCheckpoint !== undefined) await opened.keepCheckpoint(keyIdOf(previousVkey), lastCheckpoint)
      const retired = earlierKeys.map((key): EarlierKey => {
        return key.vkey === previousVkey ? { ...key, retiredAfter: size } : key
      })
      await opened.writeLogKeys({ vkey, earlierKeys: retired })
      stored = { seed, earlierKeys: retired }
      await opened.writeKey(stored)
    } else if (isPromoted) {
      await opened.writeKey(stored)
    }
  }

  return {
    keys: verifierKeysOf({ vkey, earlierKeys }),
    signer: createSigner(seed),
    previousSigner: isOverlap ? createSigner(previousSeed) : undefined,
    settle,
    stored: () => stored,
  }
}

/** Whether `log.json` names exactly the known keys. It may have retired the previous one a moment before a crash. */
function isNamed(
  known: readonly EarlierKey[],
  named: readonly EarlierKey[],
  previousVkey: string | undefined,
): boolean {
  return (
    known.length === named.length &&
    known.every(({ vkey, retiredAfter }, i) => {
      const other = named[i]
      return other?.vkey === vkey && (other.retiredAfter === retiredAfter || vkey === previousVkey)
    })
  )
}

export interface RotateKeyOptions {
  readonly opened: LogDirectory
  /** What the state folder holds. */
  readonly stored: StoredLogKey
  readonly createSigner: (seed: Uint8Array) => Ed25519Signer
  readonly newSeed: Uint8Array
  /** Wall clock until which both keys sign, milliseconds since the Unix epoch. */
  readonly overlapUntilMs: number
  /** Stores and publishes the record that says so, under the old key alone. Resolves to the checkpoint that covers it. */
  readonly record: (oldVkey: string, newVkey: string) => Promise<Uint8Array>
}

/**
 * Gives a log a new key, which signs from the next start on. A crash at any point leaves a
 * log that opens: with the old key until `log.json` names the new one, with the new one then.
 *
 * @returns the new verifier key string
 * @throws {LogDirectoryRefused} LOG_KEY_ROTATING while an earlier rotation is under way
 */
export async function rotateLogKey(options: RotateKeyOptions): Promise<string> {
  const { opened, stored, createSigner, newSeed, overlapUntilMs, record } = options
  const { origin, vkey, directory } = opened
  if (stored.previousSeed !== undefined) {
    const message = `The last rotation of the key of ${directory} is not over: two keys sign. Rotate again after it.`
    throw new LogDirectoryRefused('LOG_KEY_ROTATING', directory, message)
  }
  const { nextSeed = newSeed } = stored
  const newVkey = formatVerifierKey(createVerifierKey(origin, createSigner(nextSeed).publicKey))
  const begun = { ...stored, nextSeed, overlapUntilMs }
  const done = promoted(begun, vkey)
  await opened.writeKey(begun)
  const lastCheckpoint = await record(vkey, newVkey)
  await opened.keepCheckpoint(keyIdOf(vkey), lastCheckpoint)
  await opened.writeLogKeys({ vkey: newVkey, earlierKeys: done.earlierKeys })
  await opened.writeKey(done)
  return newVkey
}

/** The stored key when the next one signs, beside the one before. */
function promoted({ seed, nextSeed = seed, overlapUntilMs = 0, earlierKeys = [] }: StoredLogKey, vkey: string) {
  return { seed: nextSeed, previousSeed: seed, overlapUntilMs, earlierKeys: [...earlierKeys, { vkey }] }
}

/** Eight hexadecimal digits. */
function keyIdOf(vkey: string): string {
  return vkey.split('+')[1] ?? ''
}
