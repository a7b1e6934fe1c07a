import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** A file is larger than its reader accepts. */
export class FileTooLarge extends Error {
  override readonly name = 'FileTooLarge'
}

/**
 * Reads a file of the operator's whole, but never more than `maxBytes` of it: the path may
 * turn out to be a device or a growing log.
 *
 * @throws {FileTooLarge}
 * @throws the system's error when it cannot be read
 */
export function readBoundedFile(path: string, maxBytes: number): Uint8Array {
  const descriptor = openSync(path, 'r')
  try {
    if (fstatSync(descriptor).size > maxBytes) throw tooLarge(path, maxBytes)
    const buffer = new Uint8Array(maxBytes + 1)
    let length = 0
    for (;;) {
      const read = readSync(descriptor, buffer, length, buffer.length - length, null)
      if (read === 0) return buffer.slice(0, length)
      length += read
      if (length > maxBytes) throw tooLarge(path, maxBytes)
    }
  } finally {
    closeSync(descriptor)
  }
}

function tooLarge(path: string, maxBytes: number): FileTooLarge {
  return new FileTooLarge(`${path} is larger than ${maxBytes} bytes`)
}
