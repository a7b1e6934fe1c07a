import { createPrivateKey } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { createNodeEd25519Signer } from '../adapters/crypto/node-ed25519.ts'
import { DidRefused } from '../domain/did/did-refused.ts'
import { type PrivateKey, parsePrivateJwk } from '../domain/did/private-jwk.ts'
import { parseStrictJsonObject } from '../lib/strict-json.ts'
import type { CliIo } from './print.ts'
import { InputRefused, readInput } from './read-input.ts'

/**
 * Reads an Ed25519 private key as JWK or PEM (PKCS#8) from a file, or from standard input for `-`. Warns of a file
 * that others can read.
 *
 * @throws {InputRefused}
 */
export async function readPrivateKey(file: string, io: CliIo): Promise<PrivateKey> {
  if (file !== '-') await warnOfOpenKey(file, io)
  const text = await readInput(file, 64 * 1024, io)
  try {
    const jwk = text.includes('-----BEGIN') ? pemToJwk(text) : parseStrictJsonObject(text)
    return parsePrivateJwk(jwk, createNodeEd25519Signer)
  } catch (cause) {
    if (cause instanceof DidRefused) throw new InputRefused(`The key is refused: ${cause.message}`, { cause })
    if (cause instanceof SyntaxError)
      throw new InputRefused('The key is neither PEM nor a JWK: it is no JSON object', { cause })
    throw cause
  }
}

async function warnOfOpenKey(file: string, io: CliIo): Promise<void> {
  const info = await stat(file).catch(() => undefined)
  if (info?.isFile() && (info.mode & 0o077) !== 0)
    io.stderr(`warning: others can read the private key: chmod 600 ${file}\n`)
}

/** The message of the parser is left out: it may quote the key. */
function pemToJwk(pem: string): unknown {
  try {
    return createPrivateKey(pem).export({ format: 'jwk' })
  } catch {
    throw new InputRefused('The key is no private key in PEM (PKCS#8) without a passphrase')
  }
}
