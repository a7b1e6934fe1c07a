import { createHash } from 'node:crypto'
import { createLogSigner } from './log-signer.ts'

export interface FakeWitness {
  /** Its verifier key string. */
  readonly vkey: string
  /** The note with its line, at this second. */
  cosign(note: string, time: number): string
}

/** Somebody who cosigns checkpoints (C2SP tlog-cosignature v1). */
export function createWitness(name: string, seedHex: string): FakeWitness {
  const signer = createLogSigner(seedHex)
  const key = Buffer.from([4, ...signer.publicKey])
  const keyId = createHash('sha256').update(`${name}\n`).update(key).digest().subarray(0, 4)
  return {
    vkey: `${name}+${keyId.toString('hex')}+${key.toString('base64')}`,
    cosign(note, time) {
      const text = note.slice(0, note.indexOf('\n\n') + 1)
      const signature = signer.sign(new TextEncoder().encode(`cosignature/v1\ntime ${time}\n${text}`))
      const bytes = Buffer.alloc(12 + 64)
      keyId.copy(bytes)
      bytes.writeBigUInt64BE(BigInt(time), 4)
      bytes.set(signature, 12)
      return `${note}\u2014 ${name} ${bytes.toString('base64')}\n`
    },
  }
}
