import type { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createByteBuffer } from '../../../core/src/mcp/byte-buffer.ts'
import { type ReadLine, readJsonLines } from '../../../core/src/mcp/json-lines.ts'
import { readMessage } from '../../../core/src/mcp/proxy/read-message.ts'

const TEXT = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { text: 'ü€😀'.repeat(300) } })

/** Byte by byte, each in the same chunk: whoever keeps chunks finds the last byte in all of them. */
async function* dripped(text: string): AsyncGenerator<Buffer> {
  const chunk = Buffer.alloc(1)
  for (const byte of Buffer.from(text)) {
    chunk[0] = byte
    yield chunk
  }
}

describe('a message that comes byte by byte', () => {
  it('is read from a body without keeping its chunks', async () => {
    expect(await readMessage(dripped(TEXT), 10_000)).toEqual(JSON.parse(TEXT))
    expect(await readMessage(dripped(TEXT), Buffer.byteLength(TEXT))).toEqual(JSON.parse(TEXT))
    expect(await readMessage(dripped(TEXT), Buffer.byteLength(TEXT) - 1)).toBe('TOO_LARGE')
    expect(await readMessage(dripped(''), 10)).toBeUndefined()
  })

  it('is read from a line without keeping its chunks', async () => {
    const lines: ReadLine[] = []
    const input = dripped(`${TEXT}\n\n{}\n${TEXT}`) as unknown as Readable
    for await (const line of readJsonLines(input, { maxBytes: Buffer.byteLength(TEXT) })) lines.push(line)
    expect(lines).toEqual([{ message: JSON.parse(TEXT) }, { message: {} }])
    const short: ReadLine[] = []
    for await (const line of readJsonLines(dripped(`${TEXT}\n{}\n`) as unknown as Readable, { maxBytes: 1000 }))
      short.push(line)
    expect(short).toEqual([{ problem: 'TOO_LONG' }, { message: {} }])
  })
})

describe('createByteBuffer', () => {
  it('gives what was appended once, and what was given stays', () => {
    const buffer = createByteBuffer()
    buffer.append(Buffer.from('ab'))
    buffer.append(Buffer.from('c'))
    expect(buffer.length).toBe(3)
    const taken = buffer.take()
    buffer.append(Buffer.from('xyz'))
    expect([taken.toString(), buffer.take().toString(), buffer.length]).toEqual(['abc', 'xyz', 0])
  })
})
