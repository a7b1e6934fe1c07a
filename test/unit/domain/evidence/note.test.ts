import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { formatCheckpoint, openCheckpoint } from '../../../../core/src/domain/evidence/checkpoint.ts'
import { createCheckpointSigner } from '../../../../core/src/domain/evidence/checkpoint-signer.ts'
import { appendLeaf, EMPTY_EDGE, leafHash } from '../../../../core/src/domain/evidence/merkle.ts'
import { openNote, signNote } from '../../../../core/src/domain/evidence/note.ts'
import {
  createVerifierKey,
  formatVerifierKey,
  parseVerifierKey,
} from '../../../../core/src/domain/evidence/verifier-key.ts'
import { createLogSigner, nodeVerifier } from '../../../fakes/log-signer.ts'
import { codeOf, example, fromHex, hex, utf8 } from './worked-example.ts'

const signer = createLogSigner(example.seed)
const key = createVerifierKey(example.origin, signer.publicKey)
const other = createLogSigner('ff'.repeat(32))
const [, , size3] = example.checkpoints.map(({ note }) => note) as [string, string, string]
const [, , , root3] = example.roots.map(({ root }) => root) as [string, string, string, string]

const open = (note: string | Uint8Array, keys = [key]) =>
  openCheckpoint(typeof note === 'string' ? utf8(note) : note, example.origin, keys, nodeVerifier)
const signed = (text: string) => signNote(text, key, signer)

describe('verifier keys', () => {
  it('are those of the worked example', () => {
    expect(hex(key.publicKey)).toBe(example.publicKey)
    expect(hex(key.keyId)).toBe(example.keyId)
    expect(formatVerifierKey(key)).toBe(example.vkey)
    expect(parseVerifierKey(example.vkey)).toEqual(key)
  })

  it.each([
    ['another name', example.vkey.replace('core-1', 'core-2')],
    ['another key id', example.vkey.replace('e1f4ef29', 'e1f4ef28')],
    ['another key', example.vkey.replace('AQOh', 'AQOi')],
    ['an upper-case key id', example.vkey.replace('e1f4ef29', 'E1F4EF29')],
    ['a witness algorithm', 'witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X'],
    ['a missing part', example.vkey.slice(0, example.vkey.lastIndexOf('+'))],
    ['no padding where some belongs', `${example.vkey}=`],
    ['a space', ` ${example.vkey}`],
    ['a newline', `${example.vkey}\n`],
    ['nothing', ''],
  ])('refuse %s', (_, vkey) => {
    expect(codeOf(() => parseVerifierKey(vkey))).toBe('VKEY_MALFORMED')
  })

  it('refuse another algorithm under the key id of this one', () => {
    const encoded = Buffer.from([4, ...key.publicKey]).toString('base64')
    expect(codeOf(() => parseVerifierKey(`${example.origin}+${example.keyId}+${encoded}`))).toBe('VKEY_MALFORMED')
  })

  const weak = [
    '00'.repeat(32),
    `${'00'.repeat(31)}80`,
    `01${'00'.repeat(31)}`,
    `01${'00'.repeat(30)}80`,
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    `ec${'ff'.repeat(30)}7f`,
    `ec${'ff'.repeat(31)}`,
    `ed${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(31)}`,
    `ee${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(31)}`,
  ]
  it.each(weak)('refuse the small-order or non-canonical key %s', (encoded) => {
    const publicKey = fromHex(encoded)
    expect(() => createVerifierKey(example.origin, publicKey)).toThrow(TypeError)
    const id = createHash('sha256')
      .update(`${example.origin}\n`)
      .update(Uint8Array.of(1))
      .update(publicKey)
      .digest('hex')
    const vkey = `${example.origin}+${id.slice(0, 8)}+${Buffer.from([1, ...publicKey]).toString('base64')}`
    expect(codeOf(() => parseVerifierKey(vkey))).toBe('VKEY_MALFORMED')
  })

  it.each(['', 'a b', 'a\u00a0b', 'a\u2003b', 'a+b', 'a\nb', 'a\0', '\ud800'])('cannot be named %j', (name) => {
    expect(() => createVerifierKey(name, signer.publicKey)).toThrow(TypeError)
  })
})

describe('checkpoints', () => {
  it.each(example.checkpoints)(
    'are byte for byte those of the worked example at size $size',
    ({ size, note, sha256 }) => {
      let tree = EMPTY_EDGE
      for (const { text } of example.entries.slice(0, size)) tree = appendLeaf(tree, leafHash(utf8(text)))
      const made = createCheckpointSigner([{ key, signer }], 0).sign(tree)
      expect(new TextDecoder().decode(made)).toBe(note)
      expect(made.length).toBe(193)
      expect(createHash('sha256').update(made).digest('hex')).toBe(sha256)
      expect(open(note)).toEqual({ origin: example.origin, size, root: fromHex(example.roots[size]?.root ?? '') })
    },
  )

  it('may be of the empty tree and up to 2^53 - 1 entries', () => {
    for (const size of [0, Number.MAX_SAFE_INTEGER]) {
      const checkpoint = { origin: example.origin, size, root: fromHex(root3) }
      expect(open(signed(formatCheckpoint(checkpoint)))).toEqual(checkpoint)
    }
  })

  const text3 = size3.slice(0, size3.indexOf('\n\n') + 1)
  it('may have extension lines, which mean nothing', () => {
    expect(open(signed(`${text3}9\nextension\n`)).size).toBe(3)
  })

  it.each([
    ['a size with a leading zero', text3.replace('\n3\n', '\n03\n')],
    ['a size with a sign', text3.replace('\n3\n', '\n+3\n')],
    ['a size with a space', text3.replace('\n3\n', '\n3 \n')],
    ['a size of 2^53', text3.replace('\n3\n', '\n9007199254740992\n')],
    ['no size', text3.replace('\n3\n', '\n\n')],
    ['no root', text3.split('\n').slice(0, 2).join('\n').concat('\n')],
    ['a short root', text3.replace(/\n[^\n]+\n$/, '\nAAAA\n')],
    ['a root with left-over bits', text3.replace('qRag=', 'qRah=')],
    ['a root without padding', text3.replace('qRag=', 'qRag')],
    ['an empty line after the root', `${text3}\nmore\n`],
  ])('are refused with %s, although the log signed them', (_, text) => {
    expect(codeOf(() => open(signed(text)))).toBe('CHECKPOINT_MALFORMED')
  })

  it('are refused when they are of another log with the same key', () => {
    expect(codeOf(() => open(signed(text3.replace('core-1', 'core-2'))))).toBe('CHECKPOINT_ORIGIN')
  })

  it('are never parsed before the signature has verified', () => {
    expect(codeOf(() => open(size3.replace('\n3\n', '\n03\n')))).toBe('NOTE_SIGNATURE_INVALID')
  })
})

describe('notes of others', () => {
  it('are read: the signed-note example', () => {
    const { vkey, note, text } = example.thirdPartyNote
    expect(openNote(utf8(note), [parseVerifierKey(vkey)], nodeVerifier)).toBe(text)
  })
})

describe('a note', () => {
  const [text, line] = [size3.slice(0, size3.indexOf('\n\n') + 1), size3.slice(size3.indexOf('\n\n') + 2)]
  const witness =
    '\u2014 witness.example/w1 IDJKvgAAAABlU/EAilWc4HZXk74uOOfMBps8rIV/zz73cI5ME3hsH1QQVRc7Fgz33tuBQF10l7sEmozp0CeT5/5FFAnR7tMAwIp4AQ==\n'
  const rotated = createVerifierKey(example.origin, other.publicKey)
  const rotatedLine = new TextDecoder().decode(signNote(text, rotated, other)).slice(text.length + 1)

  it('is accepted with lines of unknown keys around the known one', () => {
    expect(open(`${text}\n${witness}${line}${witness}`).size).toBe(3)
    expect(open(`${text}\n${line}${witness.repeat(99)}`).size).toBe(3)
  })

  it('is accepted under either key of a rotation, or both', () => {
    for (const keys of [[key], [rotated], [key, rotated]])
      expect(open(`${text}\n${line}${rotatedLine}`, keys).size).toBe(3)
  })

  it('is refused when one of two known signatures is wrong', () => {
    const forged = rotatedLine.replace(/.(.{8})\n$/, (_, end) => `A${end}\n`)
    expect(codeOf(() => open(`${text}\n${line}${forged}`, [key, rotated]))).toBe('NOTE_SIGNATURE_INVALID')
    expect(open(`${text}\n${line}${forged}`, [key]).size).toBe(3)
  })

  const onlyText = new TextDecoder().decode(signNote(`${text.slice(0, -1)}x\n`, key, signer))
  const withoutNewline = Buffer.from([...key.keyId, ...signer.sign(utf8(text.slice(0, -1)))]).toString('base64')
  it.each([
    ['a root changed by one character', size3.replace('72Fj', '72Fk'), 'NOTE_SIGNATURE_INVALID'],
    ['the size 03', size3.replace('\n3\n', '\n03\n'), 'NOTE_SIGNATURE_INVALID'],
    ['the size +3', size3.replace('\n3\n', '\n+3\n'), 'NOTE_SIGNATURE_INVALID'],
    ['the size 3 with a space', size3.replace('\n3\n', '\n3 \n'), 'NOTE_SIGNATURE_INVALID'],
    ['CRLF line ends', size3.replaceAll('\n', '\r\n'), 'NOTE_MALFORMED'],
    ['a hyphen for the dash', size3.replace('\u2014', '-'), 'NOTE_MALFORMED'],
    ['an en dash for the dash', size3.replace('\u2014', '\u2013'), 'NOTE_MALFORMED'],
    ['base64 without padding', size3.replace('=\n', '\n').replace(/=\n$/, '\n'), 'NOTE_MALFORMED'],
    ['a signature without its padding', size3.replace(/=\n$/, '\n'), 'NOTE_MALFORMED'],
    [
      'a signature over the text without its last newline',
      `${text}\n\u2014 ${key.name} ${withoutNewline}\n`,
      'NOTE_SIGNATURE_INVALID',
    ],
    [
      'a signature of another text',
      `${text}\n${onlyText.slice(onlyText.indexOf('\n\n') + 2)}`,
      'NOTE_SIGNATURE_INVALID',
    ],
    ['the key id of another name', size3.replace('4fTv', '4fTw'), 'NOTE_UNSIGNED'],
    ['another name', `${text}\n${line.replace('core-1', 'core-2')}`, 'NOTE_UNSIGNED'],
    ['no blank line', size3.replace('\n\n', '\n'), 'NOTE_MALFORMED'],
    ['trailing bytes', `${size3}x`, 'NOTE_MALFORMED'],
    ['a trailing newline', `${size3}\n`, 'NOTE_MALFORMED'],
    ['no last newline', size3.slice(0, -1), 'NOTE_MALFORMED'],
    ['another character for the last newline', `${size3.slice(0, -1)}x`, 'NOTE_MALFORMED'],
    ['a NUL byte', size3.replace('core-1\n3', 'core-1\0\n3'), 'NOTE_MALFORMED'],
    ['the same signature twice', `${size3}${line}`, 'NOTE_SIGNATURE_INVALID'],
    ['only a signature of an unknown key', `${text}\n${witness}`, 'NOTE_UNSIGNED'],
    ['no signature', `${text}\n`, 'NOTE_MALFORMED'],
    ['a line with two spaces', size3.replace('\u2014 ', '\u2014  '), 'NOTE_MALFORMED'],
    ['a signature of only a key id', `${text}\n\u2014 ${key.name} 4fTvKQ==\n`, 'NOTE_MALFORMED'],
    ['a signature that is too short', `${text}\n\u2014 ${key.name} 4fTvKYEF\n`, 'NOTE_SIGNATURE_INVALID'],
    ['more than 100 signatures', `${text}\n${line}${witness.repeat(100)}`, 'NOTE_MALFORMED'],
    ['nothing in it', '', 'NOTE_MALFORMED'],
    ['more than 1 MiB', `${'x'.repeat(1024 * 1024)}\n\n${line}`, 'NOTE_MALFORMED'],
  ])('is refused with %s', (_, note, code) => {
    expect(codeOf(() => open(note))).toBe(code)
  })

  it('is refused when it is not UTF-8, and when it starts with a byte order mark', () => {
    const bytes = utf8(size3)
    expect(codeOf(() => open(Uint8Array.of(0xff, ...bytes)))).toBe('NOTE_MALFORMED')
    expect(codeOf(() => open(Uint8Array.of(0xef, 0xbb, 0xbf, ...bytes)))).toBe('NOTE_SIGNATURE_INVALID')
  })

  it('is split at the last blank line', () => {
    const twice = 'one\n\ntwo\n'
    expect(openNote(signNote(twice, key, signer), [key], nodeVerifier)).toBe(twice)
  })

  it('cannot be made of a text without a last newline', () => {
    expect(() => signNote('text', key, signer)).toThrow(TypeError)
  })
})

describe('the checkpoint signer', () => {
  const trees = [EMPTY_EDGE]
  for (let i = 0; i < 4; i++) trees.push(appendLeaf(trees.at(-1) ?? EMPTY_EDGE, leafHash(utf8(String(i)))))
  const [, one, two, three, four] = trees as [
    typeof EMPTY_EDGE,
    typeof EMPTY_EDGE,
    typeof EMPTY_EDGE,
    typeof EMPTY_EDGE,
    typeof EMPTY_EDGE,
  ]

  it('signs growing trees and skips sizes', () => {
    const checkpoints = createCheckpointSigner([{ key, signer }], 1)
    expect(open(checkpoints.sign(two)).size).toBe(2)
    expect(open(checkpoints.sign(four)).size).toBe(4)
  })

  it('never signs a size twice, nor a smaller one', () => {
    const checkpoints = createCheckpointSigner([{ key, signer }], 2)
    expect(() => checkpoints.sign(two)).toThrow('must not be signed')
    checkpoints.sign(three)
    for (const tree of [one, two, three]) expect(() => checkpoints.sign(tree)).toThrow('must not be signed')
  })
})
