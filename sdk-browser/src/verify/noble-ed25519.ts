import type { Ed25519Verifier } from '@capiscio/core/verification'
import { Point } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'

/** The order of the base point (RFC 8032 §5.1). */
const GROUP_ORDER = Point.CURVE().n

/**
 * Ed25519 without a native implementation, about fifteen times slower than one.
 *
 * Its own verify function uses the cofactored equation, which accepts signatures that the
 * native ones refuse. This one uses the cofactorless equation, sB = R + kA, on canonical
 * points, and refuses what could still make implementations differ: keys with a torsion
 * component and an R of small order.
 */
export function createNobleEd25519Verifier(): Ed25519Verifier {
  return {
    verify(publicKey, message, signature) {
      if (publicKey.length !== 32 || signature.length !== 64) return false
      const s = toNumber(signature.subarray(32))
      // A larger s would be a second signature for the same message (RFC 8032 §5.1.7).
      if (s >= GROUP_ORDER) return false
      const a = decodePoint(publicKey)
      const r = decodePoint(signature.subarray(0, 32))
      if (a === undefined || r === undefined) return false
      if (a.isSmallOrder() || !a.isTorsionFree() || r.isSmallOrder()) return false
      const k = challenge(signature.subarray(0, 32), publicKey, message)
      // The scalars may be zero, which only the variable-time functions take; nothing here is secret.
      return Point.BASE.multiplyUnsafe(s).equals(r.add(a.multiplyUnsafe(k)))
    },
  }
}

function challenge(r: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  return toNumber(sha512.create().update(r).update(publicKey).update(message).digest()) % GROUP_ORDER
}

/** `undefined` for bytes that are no point, or not its canonical form. */
function decodePoint(bytes: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(bytes, false)
  } catch {
    return undefined
  }
}

function toNumber(littleEndian: Uint8Array): bigint {
  return littleEndian.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n)
}
