import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createBatchFrames,
  entryFrameBytes,
  MAX_FRAME_BYTES,
  readFrame,
} from '../../../../core/src/domain/evidence/frame.ts'
import { crc32c } from '../../../tools/check-log.ts'
import { encodeBatch } from './test-log.ts'
import { hex, utf8 } from './worked-example.ts'

const batch = encodeBatch(5, [utf8('{}'), utf8('{"a":1}')], utf8('note'))

describe('a batch', () => {
  it('is its entries with their indices, then the commit, each with length, checksum and type', () => {
    const frame = (type: string, payload: string) => {
      const body = Buffer.from(type + payload, 'hex')
      const header = Buffer.alloc(8)
      header.writeUInt32BE(body.length - 1)
      header.writeUInt32BE(crc32c(body), 4)
      return header.toString('hex') + body.toString('hex')
    }
    const expected =
      frame('01', `0000000000000005${hex(utf8('{}'))}`) +
      frame('01', `0000000000000006${hex(utf8('{"a":1}'))}`) +
      frame('02', hex(utf8('note')))
    expect(hex(batch)).toBe(expected)
    expect(batch.length).toBe(entryFrameBytes(utf8('{}')) + entryFrameBytes(utf8('{"a":1}')) + 9 + 4)
  })

  it('is read back frame by frame', () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 40),
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 9 }),
        (first, entries) => {
          const bytes = encodeBatch(first, entries, utf8('checkpoint'))
          let at = 0
          for (const [i, entry] of entries.entries()) {
            const frame = readFrame(bytes.subarray(at))
            expect(frame).toMatchObject({ type: 'entry', index: BigInt(first + i), entry })
            at += frame?.bytes ?? 0
          }
          expect(readFrame(bytes.subarray(at))).toMatchObject({
            type: 'commit',
            note: utf8('checkpoint'),
            bytes: bytes.length - at,
          })
        },
      ),
    )
  })

  it('gives its entries back as they lie in its bytes, however often those had to grow', () => {
    const entries = Array.from({ length: 300 }, (_, i) => new Uint8Array(1 + (i % 7) * 500).fill(i))
    const frames = createBatchFrames(0)
    let expected = 0
    for (const entry of entries) {
      frames.add(entry)
      expected += entryFrameBytes(entry)
      expect(frames.entryBytes).toBe(expected)
    }
    const sealed = frames.seal(utf8('note'))
    expect(sealed.entries).toEqual(entries)
    for (const entry of sealed.entries) expect(entry.buffer).toBe(sealed.bytes.buffer)
  })

  it('holds indices beyond 32 bits', () => {
    for (const index of [2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
      expect(readFrame(encodeBatch(index, [utf8('{}')], utf8('n')))).toMatchObject({ index: BigInt(index) })
    }
  })

  it('holds an entry of 65535 bytes and refuses a commit beyond the largest payload', () => {
    const largest = encodeBatch(0, [new Uint8Array(65_535)], utf8('n'))
    expect(readFrame(largest)?.bytes).toBe(MAX_FRAME_BYTES)
    expect(() => encodeBatch(0, [], new Uint8Array(MAX_FRAME_BYTES))).toThrow(RangeError)
  })
})

describe('a damaged frame', () => {
  const first = batch.slice(0, entryFrameBytes(utf8('{}')))

  it('is not read when any of its bits is flipped', () => {
    expect(readFrame(first)?.type).toBe('entry')
    for (let bit = 0; bit < first.length * 8; bit++) {
      const flipped = first.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(readFrame(flipped)).toBeUndefined()
    }
  })

  it('is not read when it is cut short anywhere', () => {
    for (let length = 0; length < first.length; length++) expect(readFrame(first.slice(0, length))).toBeUndefined()
  })

  const sealed = (type: number, payload: Uint8Array) => {
    const body = Uint8Array.of(type, ...payload)
    const header = Buffer.alloc(8)
    header.writeUInt32BE(payload.length)
    header.writeUInt32BE(crc32c(body), 4)
    return Uint8Array.of(...header, ...body)
  }
  it.each([
    ['an unknown type', sealed(3, utf8('12345678x'))],
    ['type 0', sealed(0, new Uint8Array(0))],
    ['an entry without an index', sealed(1, utf8('1234567'))],
    ['only zeros', new Uint8Array(64)],
  ])('is not read with %s, although its checksum is right', (_, bytes) => {
    expect(readFrame(bytes)).toBeUndefined()
  })

  it('is not read when it is larger than any frame may be', () => {
    const payload = new Uint8Array(65_544)
    const header = Buffer.alloc(8)
    header.writeUInt32BE(payload.length)
    header.writeUInt32BE(crc32c(Buffer.concat([Uint8Array.of(1), payload])), 4)
    expect(readFrame(Buffer.concat([header, Uint8Array.of(1), payload]))).toBeUndefined()
  })
})
