import { expect, it } from 'vitest'
import { openCheckpoint } from '../../core/src/domain/evidence/checkpoint.ts'
import { leafHash } from '../../core/src/domain/evidence/merkle.ts'
import { verifyConsistency, verifyInclusion } from '../../core/src/domain/evidence/merkle-proof.ts'
import { parseVerifierKey } from '../../core/src/domain/evidence/verifier-key.ts'
import type { EvidenceReader } from '../../core/src/ports/evidence-reader.ts'
import { nodeVerifier } from '../fakes/log-signer.ts'

/** A log under test, and how entries get into it. */
export interface ReadableLog {
  readonly reader: EvidenceReader
  /** Stores entries; they are durable on return. */
  append(leaves: readonly Uint8Array[]): Promise<void>
}

const leafOf = (i: number) => new TextEncoder().encode(`{"entry":${i}}`)

/** What every reader of a log does. */
export function evidenceReaderContract(create: () => Promise<ReadableLog>): void {
  async function filled(size: number): Promise<ReadableLog> {
    const log = await create()
    if (size > 0) await log.append(Array.from({ length: size }, (_, i) => leafOf(i)))
    return log
  }
  const head = ({ reader }: ReadableLog) =>
    openCheckpoint(
      reader.checkpoint() ?? new Uint8Array(0),
      reader.origin,
      [parseVerifierKey(reader.vkey)],
      nodeVerifier,
    )
  async function listed(reader: EvidenceReader, from: number, to: number) {
    const entries: { index: number; leaf: Uint8Array }[] = []
    for await (const entry of reader.entries(from, to)) entries.push(entry)
    return entries
  }

  it('shows an empty log as empty, without a checkpoint', async () => {
    const { reader } = await filled(0)
    expect([reader.size, reader.checkpoint()]).toEqual([0, undefined])
    expect(await listed(reader, 0, 0)).toEqual([])
  })

  it.each([1, 255, 256, 257, 600])('gives the entries of a log of %i in order, and any range of them', async (size) => {
    const { reader } = await filled(size)
    expect(reader.size).toBe(size)
    const all = Array.from({ length: size }, (_, index) => ({ index, leaf: leafOf(index) }))
    expect(await listed(reader, 0, size)).toEqual(all)
    for (const [from, to] of [
      [size - 1, size],
      [Math.floor(size / 2), size],
      [0, Math.ceil(size / 2)],
      [size, size],
    ] as const)
      expect(await listed(reader, from, to)).toEqual(all.slice(from, to))
  })

  it('gives a checkpoint that the log signed, of exactly its size', async () => {
    const log = await filled(300)
    expect(head(log).size).toBe(300)
  })

  it('proves every entry under its checkpoint, and between trees of any two sizes', async () => {
    const log = await filled(300)
    const { size, root } = head(log)
    for (const index of [0, 1, 128, 255, 256, 299]) {
      const proof = await log.reader.inclusionProof(index, size)
      const claim = { index, size, root, proof, leafHash: leafHash(leafOf(index)) }
      expect([index, verifyInclusion(claim)]).toEqual([index, true])
      expect(verifyInclusion({ ...claim, leafHash: leafHash(leafOf(index + 1)) })).toBe(false)
    }
    expect(await log.reader.consistencyProof(0, size)).toEqual([])
    expect(await log.reader.consistencyProof(size, size)).toEqual([])
  })

  it('proves under an older checkpoint as well, and that the newer extends it', async () => {
    const log = await filled(200)
    const older = head(log)
    await log.append(Array.from({ length: 400 }, (_, i) => leafOf(200 + i)))
    const newer = head(log)
    expect([log.reader.size, newer.size]).toEqual([600, 600])
    const proof = await log.reader.inclusionProof(199, 200)
    expect(verifyInclusion({ index: 199, size: 200, root: older.root, proof, leafHash: leafHash(leafOf(199)) })).toBe(
      true,
    )
    const extension = await log.reader.consistencyProof(200, 600)
    const claim = { oldSize: 200, newSize: 600, oldRoot: older.root, newRoot: newer.root, proof: extension }
    expect(verifyConsistency(claim)).toBe(true)
    expect(verifyConsistency({ ...claim, oldRoot: newer.root })).toBe(false)
  })

  it('shows what is stored later, and answers many at once', async () => {
    const log = await filled(10)
    const { root } = head(log)
    const asked = Array.from({ length: 20 }, (_, i) => log.reader.inclusionProof(i % 10, 10))
    await log.append([leafOf(10)])
    for (const [i, proof] of (await Promise.all(asked)).entries()) {
      const claim = { index: i % 10, size: 10, root, proof, leafHash: leafHash(leafOf(i % 10)) }
      expect(verifyInclusion(claim)).toBe(true)
    }
    expect(await listed(log.reader, 9, 11)).toEqual([9, 10].map((index) => ({ index, leaf: leafOf(index) })))
  })

  it('keeps its bytes when a caller changes what it was given', async () => {
    const { reader } = await filled(3)
    for (const { leaf } of await listed(reader, 0, 3)) leaf.fill(0)
    expect((await listed(reader, 1, 2))[0]?.leaf).toEqual(leafOf(1))
  })

  it.each<[string, (reader: EvidenceReader) => Promise<unknown>]>([
    ['entries beyond its size', (reader) => listed(reader, 0, 6)],
    ['entries backwards', (reader) => listed(reader, 4, 3)],
    ['entries below 0', (reader) => listed(reader, -1, 3)],
    ['a proof in a tree beyond its size', (reader) => reader.inclusionProof(0, 6)],
    ['a proof of a leaf beyond the tree', (reader) => reader.inclusionProof(3, 3)],
    ['an extension beyond its size', (reader) => reader.consistencyProof(1, 6)],
    ['an extension backwards', (reader) => reader.consistencyProof(4, 3)],
  ])('refuses %s', async (_, ask) => {
    const { reader } = await filled(5)
    await expect(ask(reader)).rejects.toThrow(RangeError)
  })
}
