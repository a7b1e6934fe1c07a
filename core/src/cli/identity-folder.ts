import { createPrivateKey } from 'node:crypto'
import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createNodeEd25519Signer } from '../adapters/crypto/node-ed25519.ts'
import { systemRandom } from '../adapters/crypto/system-random.ts'
import { makeDirectoryDurably } from '../adapters/files/durable-write.ts'
import { placeFile } from '../adapters/files/place-file.ts'
import { toDidKey } from '../domain/did/did-key.ts'
import { toPrivateKeyPem, toPublicKeyPem } from '../domain/did/key-pem.ts'
import { decodeBase64url } from '../lib/base64url.ts'
import type { Ed25519Signer } from '../ports/ed25519.ts'
import { InputRefused } from './read-input.ts'

/** Where an identity is kept: the layout that the SDKs read. */
export interface IdentityFolder {
  readonly privateKeyFile: string
  readonly publicKeyFile: string
  readonly didFile: string
  readonly badgeFile: string
  readonly signer: Ed25519Signer
  /** Whether the key is new. */
  readonly keyMade: boolean
}

/**
 * Opens or makes a folder with one key. The key is on disk before it is used, is never
 * replaced, and what is missing beside it is made from it: a run that was interrupted
 * anywhere can be repeated.
 *
 * @param path absolute
 * @throws {InputRefused}
 */
export async function openIdentityFolder(path: string): Promise<IdentityFolder> {
  const at = (name: string): string => join(path, name)
  const privateKeyFile = at('private_key.pem')
  try {
    await makeDirectoryDurably(path)
    const keyMade = await place(privateKeyFile, () => toPrivateKeyPem(systemRandom.bytes(32)), 0o600)
    const signer = await readSigner(privateKeyFile)
    await accompany(at('public_key.pem'), toPublicKeyPem(signer.publicKey))
    await accompany(at('did.txt'), `${toDidKey(signer.publicKey)}\n`)
    return {
      ...{ privateKeyFile, signer, keyMade },
      publicKeyFile: at('public_key.pem'),
      didFile: at('did.txt'),
      badgeFile: at('badge.jwt'),
    }
  } catch (cause) {
    if (cause instanceof InputRefused) throw cause
    throw new InputRefused(`${path} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}

/** A file that says what the key is must not say something else. */
async function accompany(path: string, text: string): Promise<void> {
  if (await place(path, () => text, 0o644)) return
  if ((await readFile(path, 'utf8')).trim() === text.trim()) return
  throw new InputRefused(`${path} belongs to another key than private_key.pem beside it: move one of them away`)
}

/** @returns whether the file is new */
async function place(path: string, text: () => string, mode: number): Promise<boolean> {
  try {
    await placeFile(path, new TextEncoder().encode(text()), { mode })
    return true
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false
    throw cause
  }
}

async function readSigner(path: string): Promise<Ed25519Signer> {
  const info = await lstat(path)
  if ((info.mode & 0o077) !== 0 && process.platform !== 'win32') {
    throw new InputRefused(`Others can read ${path}: chmod 600 it, and replace the key if somebody may have read it`)
  }
  const pem = await readFile(path, 'utf8')
  const seed = (() => {
    try {
      const { kty, crv, d = '' } = createPrivateKey(pem).export({ format: 'jwk' })
      return kty === 'OKP' && crv === 'Ed25519' ? decodeBase64url(d) : undefined
    } catch {
      // The message of the parser is left out: it may quote the key.
      return undefined
    }
  })()
  if (seed?.length !== 32) throw new InputRefused(`${path} holds no Ed25519 private key in PEM: move it away`)
  return createNodeEd25519Signer(seed)
}
