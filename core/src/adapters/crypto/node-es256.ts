import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Es256Verifier } from '../../ports/es256.ts'

/** DER of a P-256 SubjectPublicKeyInfo up to the 65 bytes of the point (RFC 5480 §2). */
const SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex')

/**
 * ES256 by the runtime's OpenSSL. The keys used last stay imported.
 *
 * @param options.maxKeys imported keys that are kept
 */
export function createNodeEs256Verifier(options: { readonly maxKeys: number }): Es256Verifier {
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
      // One spelling for each key: OpenSSL would take other forms than 4, uncompressed, and bytes after the point.
      if (publicKey.length !== 65 || publicKey[0] !== 4) return false
      try {
        return verify('sha256', message, { key: imported(publicKey), dsaEncoding: 'ieee-p1363' }, signature)
      } catch {
        // Bytes that are no point.
        return false
      }
    },
  }
}
