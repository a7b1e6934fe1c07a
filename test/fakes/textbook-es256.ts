import { hash } from 'node:crypto'
import type { Es256Verifier } from '../../core/src/ports/es256.ts'

/**
 * ES256 by the formulas of FIPS 186-5 §6.4 and nothing else: slow, independent of the runtime,
 * and deterministic, so that vectors come out the same each time. For tests only: it takes no
 * care of timing.
 */

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn

interface Point {
  readonly x: bigint
  readonly y: bigint
}

const BASE: Point = {
  x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
}

export const P256_ORDER = N

export const textbookEs256: Es256Verifier = {
  verify(publicKey, message, signature) {
    if (publicKey.length !== 65 || publicKey[0] !== 4 || signature.length !== 64) return false
    const key = { x: toNumber(publicKey.subarray(1, 33)), y: toNumber(publicKey.subarray(33)) }
    const [r, s] = [toNumber(signature.subarray(0, 32)), toNumber(signature.subarray(32))]
    if (!isOnCurve(key) || r < 1n || r >= N || s < 1n || s >= N) return false
    const w = inverse(s, N)
    const sum = add(multiply(BASE, (digestOf(message) * w) % N), multiply(key, (r * w) % N))
    return sum !== undefined && sum.x % N === r
  },
}

export interface TextbookEs256Signer {
  /** 65 bytes, uncompressed. */
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}

/** @param secret between 1 and the order of the group */
export function createTextbookEs256Signer(secret: bigint): TextbookEs256Signer {
  const key = multiply(BASE, secret)
  if (key === undefined) throw new TypeError('The secret is a multiple of the order')
  return {
    publicKey: Uint8Array.of(4, ...toBytes(key.x), ...toBytes(key.y)),
    sign(message) {
      const k = toNumber(sha256(toBytes(secret), sha256(message))) % N
      const r = (multiply(BASE, k)?.x ?? 0n) % N
      const s = (inverse(k, N) * (digestOf(message) + r * secret)) % N
      return Uint8Array.of(...toBytes(r), ...toBytes(s))
    },
  }
}

export function toBytes(number: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(number.toString(16).padStart(64, '0'), 'hex'))
}

export function toNumber(bigEndian: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bigEndian).toString('hex')}`)
}

function isOnCurve({ x, y }: Point): boolean {
  return x < P && y < P && mod(y * y - (x * x * x - 3n * x + B), P) === 0n
}

function multiply(point: Point, scalar: bigint): Point | undefined {
  let sum: Point | undefined
  for (const bit of scalar.toString(2)) {
    sum = add(sum, sum)
    if (bit === '1') sum = add(sum, point)
  }
  return sum
}

/** `undefined` is the point at infinity. */
function add(a: Point | undefined, b: Point | undefined): Point | undefined {
  if (a === undefined || b === undefined) return a ?? b
  if (a.x === b.x && a.y !== b.y) return undefined
  const slope =
    a.x === b.x ? (3n * a.x * a.x - 3n) * inverse(mod(2n * a.y, P), P) : (b.y - a.y) * inverse(mod(b.x - a.x, P), P)
  const x = mod(slope * slope - a.x - b.x, P)
  return { x, y: mod(slope * (a.x - x) - a.y, P) }
}

/** By the extended algorithm of Euclid. */
function inverse(number: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [mod(number, modulus), modulus, 1n, 0n]
  while (b !== 0n) {
    const quotient = a / b
    ;[a, b, x, y] = [b, a - quotient * b, y, x - quotient * y]
  }
  return mod(x, modulus)
}

function mod(number: bigint, modulus: bigint): bigint {
  const rest = number % modulus
  return rest < 0n ? rest + modulus : rest
}

function digestOf(message: Uint8Array): bigint {
  return toNumber(sha256(message))
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(hash('sha256', Buffer.concat(parts), 'buffer'))
}
