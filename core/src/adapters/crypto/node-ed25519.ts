import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Ed25519Signer, Ed25519Verifier } from '../../ports/ed25519.ts'

/** DER of an Ed25519 SubjectPublicKeyInfo up to the 32 key bytes (RFC 8410 §4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** DER of an Ed25519 PKCS#8 private key up to the 32 seed bytes (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/**
 * Ed25519 by the runtime's OpenSSL. Importing a key costs as much as a check, so the keys
 * used last stay imported.
 *
 * @param options.maxKeys imported keys that are kept
 */
export function createNodeEd25519Verifier(options: { readonly maxKeys: number }): Ed25519Verifier {
  const keys = new LRUCache<string, KeyObject>({ max: options.maxKeys })

  function imported(publicKey: Uint8Array): KeyObject {
    const id = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('latin1')
    let key = keys.get(id)
    if (key === undefined) {
      key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
      keys.set(id, key)
    }
    return key
  }

  return {
    verify(publicKey, message, signature) {
      if (publicKey.length !== 32 || signature.length !== 64) return false
      try {
        return verify(null, message, imported(publicKey), signature)
      } catch {
        // Bytes that are no point: some versions of OpenSSL say so at import.
        return false
      }
    },
  }
}

/**
 * Signs with the key of a 32-byte seed (RFC 8032 §5.1.5). The seed is copied into OpenSSL.
 *
 * @throws {TypeError} for another length
 */
export function createNodeEd25519Signer(seed: Uint8Array): Ed25519Signer {
  if (seed.length !== 32) throw new TypeError('An Ed25519 seed has 32 bytes')
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  }
}
