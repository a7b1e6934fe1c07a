import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { Ed25519Signer, Ed25519Verifier } from '../../core/src/ports/ed25519.ts'

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** Signs with the key of a 32-byte seed, in hexadecimal. Keeps count. */
export function createLogSigner(seedHex: string): Ed25519Signer & { readonly signed: number } {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, Buffer.from(seedHex, 'hex')]),
    format: 'der',
    type: 'pkcs8',
  })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  let signed = 0
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign(message) {
      signed++
      return new Uint8Array(sign(undefined, message, key))
    },
    get signed() {
      return signed
    },
  }
}

export const nodeVerifier: Ed25519Verifier = {
  verify(publicKey, message, signature) {
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
    return verify(undefined, message, key, signature)
  },
}
