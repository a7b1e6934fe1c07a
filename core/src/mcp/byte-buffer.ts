/** The bytes of one message, as they come. */
export interface ByteBuffer {
  readonly length: number
  append(chunk: Uint8Array): void
  /** What was appended. The buffer is empty then. */
  take(): Buffer
}

/**
 * Collects chunks by copying them. A list of them would cost some hundred bytes for each, so
 * that whoever sends a message byte by byte would fill the memory with a message of any size.
 */
export function createByteBuffer(): ByteBuffer {
  let bytes = Buffer.alloc(0)
  let length = 0
  return {
    get length() {
      return length
    },
    append(chunk) {
      const needed = length + chunk.length
      if (needed > bytes.length) {
        const larger = Buffer.allocUnsafe(Math.max(needed, 2 * bytes.length))
        bytes.copy(larger, 0, 0, length)
        bytes = larger
      }
      bytes.set(chunk, length)
      length = needed
    },
    take() {
      const taken = bytes.subarray(0, length)
      bytes = Buffer.alloc(0)
      length = 0
      return taken
    },
  }
}
