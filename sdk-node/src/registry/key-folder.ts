import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { KeyGenerationError } from '@capiscio/proto/sdk'
import { placeNewFile } from '../place-new-file.ts'
import { generateServerKeypairSync, type ServerKeypair } from '../server-keypair.ts'
import { readPrivateKeyFile, readPrivateKeyPem } from './setup-server-identity.ts'

/** A key and where it came from. */
export interface FolderKey extends Pick<ServerKeypair, 'didKey' | 'publicKeyPem' | 'privateKeyPem'> {
  readonly source: 'made' | 'given' | 'kept'
}

/**
 * The one key of a folder: `private_key.pem` (0600), with `public_key.pem` and `did.txt` beside
 * it. The private key comes first and is never replaced; what is missing beside it is made from
 * it. So a crash anywhere leaves what the next call completes.
 *
 * @param given PEM to keep where there is no key. It must be the same where there is one.
 * @throws KeyGenerationError
 */
export function openKeyFolder(folder: string, given: string | undefined): FolderKey {
  const path = join(folder, 'private_key.pem')
  const fromOutside = given === undefined ? undefined : readPrivateKeyPem(given, 'privateKeyPem')
  try {
    const isNew = !existsSync(path) && tryPlace(path, (fromOutside ?? generateServerKeypairSync()).privateKeyPem, 0o600)
    const key = readPrivateKeyFile(path)
    if (fromOutside !== undefined && fromOutside.didKey !== key.didKey) {
      throw new KeyGenerationError(`${path} holds another key than the given one: move it away, or give none.`)
    }
    accompany(join(folder, 'public_key.pem'), key.publicKeyPem, path)
    accompany(join(folder, 'did.txt'), `${key.didKey}\n`, path)
    return { ...key, source: fromOutside !== undefined ? 'given' : isNew ? 'made' : 'kept' }
  } catch (cause) {
    if (cause instanceof KeyGenerationError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new KeyGenerationError(`The key could not be kept in ${folder}: ${reason}`, { cause })
  }
}

/** A file that says what the key is must not say something else. */
function accompany(path: string, text: string, keyPath: string): void {
  if (tryPlace(path, text, 0o644)) return
  if (readFileSync(path, 'utf8').trim() === text.trim()) return
  throw new KeyGenerationError(`${path} belongs to another key than ${keyPath}: move one of them away.`)
}

/** @returns whether the file is new; another process may have been faster */
function tryPlace(path: string, text: string, mode: number): boolean {
  try {
    placeNewFile(path, text, mode)
    return true
  } catch (cause) {
    if (cause instanceof Error && Reflect.get(cause, 'code') === 'EEXIST') return false
    throw cause
  }
}
