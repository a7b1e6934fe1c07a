import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../../core/src/domain/evidence/checkpoint.ts'
import { leafHash, rootOf } from '../../../core/src/domain/evidence/merkle.ts'
import { verifyConsistency as coreVerifiesConsistency } from '../../../core/src/domain/evidence/merkle-proof.ts'
import { signNote, signNoteByAll } from '../../../core/src/domain/evidence/note.ts'
import { verifyReceipt as coreVerifiesReceipt, formatReceipt } from '../../../core/src/domain/evidence/receipt.ts'
import {
  createVerifierKey,
  formatVerifierKey,
  parseVerifierKey,
} from '../../../core/src/domain/evidence/verifier-key.ts'
import { EvidenceError, verifyCheckpoint, verifyConsistency, verifyReceipt } from '../../../sdk-node/src/index.ts'
import { createLogSigner, nodeVerifier } from '../../fakes/log-signer.ts'
import { WEAK_KEYS } from '../../tools/weak-keys.ts'
import { example, fromHex, hex, utf8 } from '../domain/evidence/worked-example.ts'

const coreKey = parseVerifierKey(example.vkey)
const { text } = example.receipt
const leaf = utf8(example.entries[1]?.text ?? '')
const notes = example.checkpoints.map(({ note }) => note)
const [, , note = ''] = notes

const isAccepted = (check: () => unknown): boolean => {
  try {
    check()
    return true
  } catch {
    return false
  }
}

/** A log key of its own, by a byte of its seed. */
function logKey(byte: string) {
  const signer = createLogSigner(byte.repeat(32))
  return { key: createVerifierKey('log.example', signer.publicKey), signer }
}

/** Refusals are errors of the SDK; whatever else is thrown is a fault and fails the test. */
const holds = (checking: Promise<unknown>): Promise<boolean> =>
  checking.then(
    () => true,
    (error) => {
      if (error instanceof EvidenceError && error.code === 'EVIDENCE_INVALID') return false
      throw error
    },
  )

/** One character of a text replaced, removed or put in. */
const damaged = (whole: string) =>
  fc
    .tuple(fc.nat(whole.length - 1), fc.constantFrom(...'A0=+/\n \r\t—x1'), fc.constantFrom(0, 1))
    .map(([at, character, removed]) => `${whole.slice(0, at)}${character}${whole.slice(at + removed)}`)

describe('a receipt', () => {
  test('of the worked example proves its record', async () => {
    expect(await verifyReceipt(text, leaf, example.vkey)).toEqual({
      leafIndex: 1n,
      checkpoint: { logOrigin: example.origin, size: 3n, root: fromHex(example.roots.at(-1)?.root ?? '') },
    })
    expect(await holds(verifyReceipt(text.replace('index', 'extra aGVsbG8=\nindex'), leaf, example.vkey))).toBe(true)
  })

  test.each([
    ['another record', text, utf8('{}')],
    ['another header', text.replace('@v1', '@v2'), leaf],
    ['an extra line that is not base64', text.replace('index', 'extra ?\nindex'), leaf],
    ['a second extra line', text.replace('index', 'extra AA==\nextra AA==\nindex'), leaf],
    ['no index', text.replace('index 1\n', ''), leaf],
    ['an index with a leading zero', text.replace('index 1', 'index 01'), leaf],
    ['an index beyond 2^53', text.replace('index 1', 'index 9007199254740993'), leaf],
    ['another index', text.replace('index 1', 'index 2'), leaf],
    ['an index outside the tree', text.replace('index 1', 'index 3'), leaf],
    ['a hash less', text.replace('bYjCy7mcbGLbx5lJ+rHnCvuZfSpuKVEn19xFFCsjxyI=\n', ''), leaf],
    ['a hash more', text.replace('index 1\n', 'index 1\nI8y0EN752nUDQbxDsu6KsI0OS8awS9UNqErriiwawx8=\n'), leaf],
    ['a short hash', text.replace('I8y0EN752nUDQbxDsu6KsI0OS8awS9UNqErriiwawx8=', 'I8y0'), leaf],
    [
      '54 hashes',
      text.replace('index 1\n', `index 1\n${'I8y0EN752nUDQbxDsu6KsI0OS8awS9UNqErriiwawx8=\n'.repeat(52)}`),
      leaf,
    ],
    ['no blank line', text.replace('\n\n', '\n'), leaf],
    ['half a character', `${text}\ud800`, leaf],
    ['another size', text.replace('\n3\n', '\n4\n'), leaf],
  ])('with %s proves nothing', async (_what, receipt, record) => {
    expect(await holds(verifyReceipt(receipt, record, example.vkey))).toBe(false)
  })

  test('holds exactly where it holds for the core, with any one character changed', async () => {
    await fc.assert(
      fc.asyncProperty(damaged(text), async (receipt) => {
        const core = isAccepted(() => coreVerifiesReceipt(receipt, leaf, [coreKey], nodeVerifier))
        expect(await holds(verifyReceipt(receipt, leaf, example.vkey))).toBe(core)
      }),
      { numRuns: 500 },
    )
  })

  test('holds for every entry of a log of every size, and for no other entry of it', async () => {
    const key = logKey('01')
    const vkey = formatVerifierKey(key.key)
    for (let size = 1; size <= 9; size++) {
      const entries = Array.from({ length: size }, (_, i) => utf8(`entry ${i}`))
      const hashes = entries.map(leafHash)
      const root = rootOf(hashes)
      const body = `${key.key.name}\n${size}\n${Buffer.from(root).toString('base64')}\n`
      const checkpoint = signNote(body, key.key, key.signer)
      for (const [index, entry] of entries.entries()) {
        const receipt = formatReceipt({ index, proof: pathOf(hashes, index), checkpoint })
        expect(await verifyReceipt(receipt, entry, vkey)).toMatchObject({ leafIndex: BigInt(index) })
        const other = utf8(`entry ${index + 1}`)
        expect(await holds(verifyReceipt(receipt, other, vkey))).toBe(false)
      }
    }
  })

  test('is wrongly asked about with anything but text, bytes and the keys of one log', async () => {
    const other = formatVerifierKey(createVerifierKey('other.example', coreKey.publicKey))
    await expect(verifyReceipt(text, example.entries[1]?.text as never, example.vkey)).rejects.toThrow(TypeError)
    await expect(verifyReceipt(7 as never, leaf, example.vkey)).rejects.toThrow(TypeError)
    for (const keys of [[], '', 'x', [example.vkey, other]]) {
      await expect(verifyReceipt(text, leaf, keys)).rejects.toThrow(TypeError)
    }
    const [name = '', id = '', ...key] = example.vkey.split('+')
    const foreign = [name, id.replace(/^./, (digit) => (digit === '0' ? '1' : '0')), ...key].join('+')
    await expect(verifyReceipt(text, leaf, foreign)).rejects.toThrow('id of another')
  })
})

describe('a checkpoint', () => {
  test('of the worked example was signed by its log', async () => {
    for (const [i, whole] of notes.entries()) {
      const { size, root } = await verifyCheckpoint(whole, example.vkey)
      const expected = example.roots.find((known) => known.size === i + 1)
      expect([Number(size), hex(root)]).toEqual([i + 1, expected?.root])
    }
  })

  test('holds exactly where it holds for the core, with any one character changed', async () => {
    await fc.assert(
      fc.asyncProperty(damaged(note), async (changed) => {
        const core = isAccepted(() => openCheckpoint(utf8(changed), example.origin, [coreKey], nodeVerifier))
        expect(await holds(verifyCheckpoint(changed, example.vkey))).toBe(core)
      }),
      { numRuns: 500 },
    )
  })

  test('may be signed by others too, and not by the log twice or wrongly', async () => {
    const line = `${note.trim().split('\n').at(-1)}\n`
    expect(await holds(verifyCheckpoint(note + example.witness.line, example.vkey))).toBe(true)
    expect(await holds(verifyCheckpoint(note + line, example.vkey))).toBe(false)
    const [signed = ''] = note.split('\n\n')
    expect(await holds(verifyCheckpoint(`${signed}\n\n${example.witness.line}`, example.vkey))).toBe(false)
    expect(await holds(verifyCheckpoint(note + example.witness.line.repeat(99), example.vkey))).toBe(true)
    expect(await holds(verifyCheckpoint(note + example.witness.line.repeat(100), example.vkey))).toBe(false)
    const long = `\u2014 stranger ${'A'.repeat(1024 * 1024)}\n`
    expect(await holds(verifyCheckpoint(note + long.replace('AAAA', ''), example.vkey))).toBe(false)
  })

  test('of a log whose key is being replaced needs one of both', async () => {
    const [older, newer] = [logKey('01'), logKey('02')]
    const body = `${older.key.name}\n1\n${Buffer.from(rootOf([leafHash(leaf)])).toString('base64')}\n`
    const both = new TextDecoder().decode(signNoteByAll(body, [older, newer]))
    const keys = [older, newer].map(({ key }) => formatVerifierKey(key))
    for (const given of [keys, ...keys]) expect(await holds(verifyCheckpoint(both, given))).toBe(true)
    expect(await holds(verifyCheckpoint(both, example.vkey))).toBe(false)
  })

  test.each([
    ['of another log', 'other.example\n1\nAAAA\n'],
    ['without a root', 'evidence.example/1\n1\n'],
    ['with a short root', 'ORIGIN\n1\nAAAA\n'],
    ['with a size that is none', `ORIGIN\n01\n${'A'.repeat(43)}=\n`],
    ['with an empty line', `ORIGIN\n1\n${'A'.repeat(43)}=\n\nx\n`],
  ])('%s is refused, whoever signed it', async (_what, body) => {
    const { key, signer } = logKey('01')
    const whole = new TextDecoder().decode(signNote(body.replace('ORIGIN', key.name), key, signer))
    expect(await holds(verifyCheckpoint(whole, formatVerifierKey(key)))).toBe(false)
  })

  test.each(WEAK_KEYS)('is never checked under a key by which anybody can sign: %s', async (key) => {
    const encoded = Buffer.concat([Buffer.of(1), Buffer.from(key, 'hex')]).toString('base64')
    await expect(verifyCheckpoint(note, `evidence.example+00000000+${encoded}`)).rejects.toThrow('name+keyid+key')
  })
})

describe('a log that grew', () => {
  const grown = async (size: number) => verifyCheckpoint(notes[size - 1] ?? '', example.vkey)

  test('as in the worked example extends what it was', async () => {
    expect(example.consistency.length).toBeGreaterThan(0)
    for (const { from, to, proof } of example.consistency) {
      const [older, newer] = [await grown(from), await grown(to)]
      const hashes = proof.map((name) => fromHex(example.entries[Number(name.slice(1))]?.leafHash ?? ''))
      await verifyConsistency(older, newer, hashes)
      expect(await holds(verifyConsistency(older, newer, [...hashes, new Uint8Array(32)]))).toBe(false)
      expect(await holds(verifyConsistency(newer, older, hashes))).toBe(false)
      expect(await holds(verifyConsistency({ ...older, root: newer.root }, newer, hashes))).toBe(false)
      expect(await holds(verifyConsistency(older, { ...newer, root: older.root }, hashes))).toBe(false)
      expect(await holds(verifyConsistency({ ...older, logOrigin: 'other' }, newer, hashes))).toBe(false)
    }
  })

  test('is judged as the core judges it, whatever the proof', async () => {
    const hash = fc.constantFrom(
      ...example.entries.map(({ leafHash }) => leafHash),
      ...example.roots.map(({ root }) => root),
    )
    const sizes = fc.integer({ min: 0, max: 3 })
    await fc.assert(
      fc.asyncProperty(
        sizes,
        sizes,
        fc.array(hash, { maxLength: 4 }),
        hash,
        hash,
        async (from, to, given, oldHex, newHex) => {
          const [oldRoot, newRoot, proof] = [fromHex(oldHex), fromHex(newHex), given.map((one) => fromHex(one))]
          const older = { logOrigin: 'o', size: BigInt(from), root: new Uint8Array(oldRoot) }
          const newer = { logOrigin: 'o', size: BigInt(to), root: new Uint8Array(newRoot) }
          const core = coreVerifiesConsistency({ oldSize: from, newSize: to, oldRoot, newRoot, proof })
          expect(await holds(verifyConsistency(older, newer, proof))).toBe(core)
        },
      ),
      { numRuns: 500 },
    )
  })
})

/** The audit path of one leaf, as RFC 6962 §2.1.1 defines it. */
function pathOf(hashes: readonly Uint8Array[], index: number): Uint8Array[] {
  if (hashes.length === 1) return []
  let split = 1
  while (split * 2 < hashes.length) split *= 2
  const [left, right] = [hashes.slice(0, split), hashes.slice(split)]
  return index < split ? [...pathOf(left, index), rootOf(right)] : [...pathOf(right, index - split), rootOf(left)]
}
