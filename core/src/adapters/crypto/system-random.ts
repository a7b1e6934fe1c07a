import { randomBytes, randomUUID } from 'node:crypto'
import type { Random } from '../../ports/random.ts'

/** The operating system's random source. */
export const systemRandom: Random = {
  uuid: () => randomUUID(),
  bytes: (length) => new Uint8Array(randomBytes(length)),
}
