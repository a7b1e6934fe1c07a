import { readBoundedFile } from '../config/read-bounded-file.ts'
import type { CliIo } from './print.ts'

/** What a command was to read cannot be read. The message says what to do and quotes no contents. */
export class InputRefused extends Error {
  override readonly name = 'InputRefused'
}

/**
 * Reads a file, or standard input for `-`, as UTF-8 text.
 *
 * @throws {InputRefused}
 */
export async function readInput(path: string, maxBytes: number, io: CliIo): Promise<string> {
  const bytes = path === '-' ? await readStdin(maxBytes, io) : readFile(path, maxBytes)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new InputRefused(`${shown(path)} is not UTF-8 text`, { cause })
  }
}

function readFile(path: string, maxBytes: number): Uint8Array {
  try {
    return readBoundedFile(path, maxBytes)
  } catch (cause) {
    throw new InputRefused(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}

async function readStdin(maxBytes: number, { stdin }: CliIo): Promise<Uint8Array> {
  if (stdin === undefined) throw new InputRefused('There is no standard input to read: name a file')
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stdin) {
    length += chunk.length
    if (length > maxBytes) throw new InputRefused(`Standard input is longer than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function shown(path: string): string {
  return path === '-' ? 'Standard input' : path
}
