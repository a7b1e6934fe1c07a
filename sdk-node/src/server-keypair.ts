import { createHash, generateKeyPairSync } from 'node:crypto'
import { join, resolve } from 'node:path'
import { KeyGenerationError, readOptions } from '@capiscio/proto/sdk'
import { publicKeyToDidKey } from './ed25519-did-key.ts'
import { placeNewFile } from './place-new-file.ts'

/** Options of `generateServerKeypair`. */
export interface GenerateServerKeypairOptions {
  /**
   * Name of the key: 1 to 128 letters, digits, `.`, `_` or `-`, beginning with a letter, a
   * digit or `_`. Default: `key-` and 6 characters derived from the public key.
   */
  readonly keyId?: string | undefined
  /**
   * Where the private key is written, as `<keyId>.pem` for its owner only. The folder is made
   * where it is missing. Default: it is not written.
   */
  readonly outputDir?: string | undefined
}

/** A new Ed25519 key pair of a server. */
export interface ServerKeypair {
  /** Name of the key, and of its file without `.pem`. */
  readonly keyId: string
  /** The key's did:key. */
  readonly didKey: string
  /** SPKI. */
  readonly publicKeyPem: string
  /** PKCS#8. Secret. */
  readonly privateKeyPem: string
  /** Where the private key was written; undefined without `outputDir`. */
  readonly privateKeyPath: string | undefined
}

const NAMES = ['keyId', 'outputDir'] as const

const KEY_ID = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/**
 * Makes a key pair here: no core is asked, and nobody else sees the private key.
 *
 * @throws TypeError for wrong options.
 * @throws KeyGenerationError for a name that cannot be a key's, and when the file cannot be
 * written or is there already: a key is never replaced.
 */
export async function generateServerKeypair(options: GenerateServerKeypairOptions = {}): Promise<ServerKeypair> {
  return generateServerKeypairSync(options)
}

/** The same at once. It takes less than a millisecond, and a sync of the disk where a file is written. */
export function generateServerKeypairSync(options: GenerateServerKeypairOptions = {}): ServerKeypair {
  readOptions(options, NAMES, 'The options of generateServerKeypair')
  const { keyId, outputDir } = options
  for (const [name, value] of Object.entries({ keyId, outputDir })) {
    if (value !== undefined && typeof value !== 'string') throw new TypeError(`${name} must be a string.`)
  }
  if (outputDir === '') throw new TypeError('outputDir must not be empty: write "." for the working folder.')
  if (keyId !== undefined && !KEY_ID.test(keyId)) {
    throw new KeyGenerationError(
      'The name of a key has 1 to 128 letters, digits, ".", "_" or "-" and begins with a letter, a digit or "_".',
    )
  }
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  const pair = {
    keyId: keyId ?? `key-${createHash('sha256').update(raw).digest().subarray(0, 4).toString('base64url')}`,
    didKey: publicKeyToDidKey(publicKey),
    publicKeyPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    privateKeyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
  if (outputDir === undefined) return { ...pair, privateKeyPath: undefined }
  const privateKeyPath = join(resolve(outputDir), `${pair.keyId}.pem`)
  try {
    placeNewFile(privateKeyPath, pair.privateKeyPem, 0o600)
  } catch (cause) {
    throw new KeyGenerationError(describeFailure(privateKeyPath, cause), { cause })
  }
  return { ...pair, privateKeyPath }
}

function describeFailure(path: string, cause: unknown): string {
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined
  if (code === 'EEXIST') return `${path} is there already: choose another name, or another folder.`
  return `The private key could not be written to ${path}: ${cause instanceof Error ? cause.message : String(cause)}`
}
