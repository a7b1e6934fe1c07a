import { describe, expect, it } from 'vitest'
import { formatReceipt, parseReceipt, verifyReceipt } from '../../../../core/src/domain/evidence/receipt.ts'
import { createVerifierKey, parseVerifierKey } from '../../../../core/src/domain/evidence/verifier-key.ts'
import { createLogSigner, nodeVerifier } from '../../../fakes/log-signer.ts'
import { codeOf, example, fromHex, utf8 } from './worked-example.ts'

const key = parseVerifierKey(example.vkey)
const [h0, , h2] = example.entries.map(({ leafHash }) => fromHex(leafHash)) as [Uint8Array, Uint8Array, Uint8Array]
const [e0, e1] = example.entries.map(({ text }) => utf8(text)) as [Uint8Array, Uint8Array]
const note = utf8(example.checkpoints[2]?.note ?? '')
const { text } = example.receipt
const verify = (receipt: string, leaf = e1, keys = [key]) => verifyReceipt(receipt, leaf, keys, nodeVerifier)

describe('a receipt', () => {
  it('is that of the worked example, byte for byte, and verifies', () => {
    expect(formatReceipt({ index: 1, proof: [h0, h2], checkpoint: note })).toBe(text)
    expect(parseReceipt(text)).toEqual({ index: 1, proof: [h0, h2], checkpoint: note })
    const { index, checkpoint } = verify(text)
    expect([index, checkpoint.size, checkpoint.origin]).toEqual([1, 3, example.origin])
  })

  it('may have an extra line, which means nothing', () => {
    const withExtra = text.replace('index', 'extra aGVsbG8=\nindex')
    expect(verify(withExtra).index).toBe(1)
  })

  it('of a log with one entry has no hashes', () => {
    const one = formatReceipt({ index: 0, proof: [], checkpoint: utf8(example.checkpoints[0]?.note ?? '') })
    expect(one).toContain('index 0\n\nevidence.example')
    expect(verify(one, e0).index).toBe(0)
  })

  it.each<[string, string, string]>([
    ['another header', text.replace('@v1', '@v2'), 'RECEIPT_MALFORMED'],
    ['an index with a leading zero', text.replace('index 1', 'index 01'), 'RECEIPT_MALFORMED'],
    ['a negative index', text.replace('index 1', 'index -1'), 'RECEIPT_MALFORMED'],
    ['an index beyond 2^53', text.replace('index 1', 'index 9007199254740993'), 'RECEIPT_MALFORMED'],
    ['no index', text.replace('index 1\n', ''), 'RECEIPT_MALFORMED'],
    ['a second extra line', text.replace('index', 'extra AA==\nextra AA==\nindex'), 'RECEIPT_MALFORMED'],
    ['an extra line after the index', text.replace('index 1\n', 'index 1\nextra AA==\n'), 'RECEIPT_MALFORMED'],
    ['an extra line that is not base64', text.replace('index', 'extra ?\nindex'), 'RECEIPT_MALFORMED'],
    ['a short hash', text.replace('I8y0EN752nUDQbxDsu6KsI0OS8awS9UNqErriiwawx8=', 'I8y0'), 'RECEIPT_MALFORMED'],
    ['a hash without padding', text.replace('wawx8=', 'wawx8'), 'RECEIPT_MALFORMED'],
    [
      '54 hashes',
      text.replace('index 1\n', `index 1\n${'I8y0EN752nUDQbxDsu6KsI0OS8awS9UNqErriiwawx8=\n'.repeat(52)}`),
      'RECEIPT_MALFORMED',
    ],
    ['no blank line', text.replace('\n\n', '\n'), 'RECEIPT_MALFORMED'],
    ['a lone surrogate', `${text}\ud800`, 'RECEIPT_MALFORMED'],
    ['CRLF line ends', text.replaceAll('\n', '\r\n'), 'RECEIPT_MALFORMED'],
    ['another index', text.replace('index 1', 'index 2'), 'RECEIPT_NOT_INCLUDED'],
    ['an index outside the tree', text.replace('index 1', 'index 3'), 'RECEIPT_NOT_INCLUDED'],
    ['one hash less', text.replace('bYjCy7mcbGLbx5lJ+rHnCvuZfSpuKVEn19xFFCsjxyI=\n', ''), 'RECEIPT_NOT_INCLUDED'],
    ['another hash', text.replace('bYjC', 'bYjD'), 'RECEIPT_NOT_INCLUDED'],
    ['another size in its checkpoint', text.replace('\n3\n', '\n4\n'), 'NOTE_SIGNATURE_INVALID'],
    ['another origin in its checkpoint', text.replace('core-1\n3', 'core-2\n3'), 'NOTE_SIGNATURE_INVALID'],
    ['bytes after the checkpoint', `${text}x`, 'NOTE_MALFORMED'],
  ])('with %s is refused', (_, changed, code) => {
    expect(changed).not.toBe(text)
    expect(codeOf(() => verify(changed))).toBe(code)
  })

  it('is refused for another entry, and under another key', () => {
    expect(codeOf(() => verify(text, e0))).toBe('RECEIPT_NOT_INCLUDED')
    const other = createVerifierKey(example.origin, createLogSigner('ff'.repeat(32)).publicKey)
    expect(codeOf(() => verify(text, e1, [other]))).toBe('NOTE_UNSIGNED')
    expect(verify(text, e1, [other, key]).index).toBe(1)
  })

  it('is not verified without keys, or with those of two logs', () => {
    expect(() => verify(text, e1, [])).toThrow(TypeError)
    expect(() => verify(text, e1, [key, createVerifierKey('other.example/log', key.publicKey)])).toThrow(TypeError)
  })
})
