import { describe, expect, it } from 'vitest'
import { openCheckpoint, openCosignedCheckpoint } from '../../../../core/src/domain/evidence/checkpoint.ts'
import { demandWitnesses } from '../../../../core/src/domain/evidence/demand-witnesses.ts'
import { openNote, openNoteOf, signNoteByAll } from '../../../../core/src/domain/evidence/note.ts'
import { createVerifierKey, parseVerifierKey } from '../../../../core/src/domain/evidence/verifier-key.ts'
import { formatWitnessKey, parseWitnessKey } from '../../../../core/src/domain/evidence/witness-key.ts'
import { createLogSigner, nodeVerifier } from '../../../fakes/log-signer.ts'
import { codeOf, example, hex, utf8 } from './worked-example.ts'

const key = parseVerifierKey(example.vkey)
const witness = parseWitnessKey(example.witness.vkey)
const note = example.checkpoints[2]?.note ?? ''
const cosigned = `${note}${example.witness.line}`
const open = (text: string, witnesses = [witness]) =>
  openCosignedCheckpoint(utf8(text), example.origin, [key], witnesses, nodeVerifier)

describe('witness keys', () => {
  it('are those of the worked example', () => {
    expect([witness.name, hex(witness.keyId), hex(witness.publicKey)]).toEqual([
      'witness.example/w1',
      example.witness.keyId,
      example.witness.publicKey,
    ])
    expect(formatWitnessKey(witness)).toBe(example.witness.vkey)
  })

  it.each([
    ['the key of a log', example.vkey],
    ['another name', example.witness.vkey.replace('/w1', '/w2')],
    ['another key id', example.witness.vkey.replace('20324abe', '20324abf')],
    ['another key', example.witness.vkey.replace('BCms', 'BCmt')],
    ['no padding where some belongs', `${example.witness.vkey}=`],
    ['a name with a space', ` ${example.witness.vkey}`],
    ['a weak key', `w+00000000+${Buffer.from([4, ...new Uint8Array(32)]).toString('base64')}`],
    ['nothing', ''],
  ])('refuse %s', (_, vkey) => {
    expect(codeOf(() => parseWitnessKey(vkey))).toBe('VKEY_MALFORMED')
  })
})

describe('a cosigned checkpoint', () => {
  it('tells who cosigned and when', () => {
    const { checkpoint, witnesses } = open(cosigned)
    expect(checkpoint.size).toBe(3)
    expect(witnesses).toEqual([{ key: witness, cosignedAt: example.witness.time }])
  })

  it('is a checkpoint for those who know no witness, and one without a witness has none', () => {
    expect(openCheckpoint(utf8(cosigned), example.origin, [key], nodeVerifier).size).toBe(3)
    expect(open(cosigned, []).witnesses).toEqual([])
    expect(open(note).witnesses).toEqual([])
  })

  const raw = Buffer.from(example.witness.line.slice(-105, -1).replace(/^.* /, ''), 'base64')
  const lineOf = (bytes: Uint8Array) => `\u2014 witness.example/w1 ${Buffer.from(bytes).toString('base64')}\n`
  it.each<[string, string]>([
    ['another time', `${note}${lineOf(raw.map((byte, i) => (i === 11 ? byte ^ 1 : byte)))}`],
    ['another signature', `${note}${lineOf(raw.map((byte, i) => (i === 75 ? byte ^ 1 : byte)))}`],
    ['a signature without a time', `${note}${lineOf(Buffer.concat([raw.subarray(0, 4), raw.subarray(12)]))}`],
    ['a byte more', `${note}${lineOf(Buffer.concat([raw, Buffer.of(0)]))}`],
    ['the same line twice', `${cosigned}${example.witness.line}`],
    ['its line under another checkpoint', `${example.checkpoints[1]?.note}${example.witness.line}`],
  ])('with %s is refused', (_, text) => {
    expect(lineOf(raw)).toBe(example.witness.line)
    expect(codeOf(() => open(text))).toBe('NOTE_SIGNATURE_INVALID')
  })

  it('without the signature of the log is refused, whoever else signed', () => {
    const onlyWitness = `${note.slice(0, note.indexOf('\u2014'))}${example.witness.line}`
    expect(openNoteOf(utf8(onlyWitness), [witness], nodeVerifier).signers.length).toBe(1)
    expect(codeOf(() => open(onlyWitness))).toBe('NOTE_UNSIGNED')
  })
})

describe('a checkpoint that witnesses must have cosigned', () => {
  const demand = (text: string, witnesses = [witness]) =>
    demandWitnesses(utf8(text), example.origin, [key], witnesses, nodeVerifier)
  const other = { ...witness, name: 'witness.example/w2' }

  it('opens when each of them did', () => {
    expect(demand(cosigned)).toMatchObject({
      checkpoint: { size: 3 },
      cosignatures: [{ witness: 'witness.example/w1', time: example.witness.time }],
    })
    expect(demand(note, []).cosignatures).toEqual([])
  })

  it('is refused when one witness has the key of another, or of the log', () => {
    expect(codeOf(() => demand(cosigned, [witness, other]))).toBe('WITNESS_NOT_INDEPENDENT')
    const own = { ...witness, publicKey: key.publicKey }
    expect(codeOf(() => demand(cosigned, [own]))).toBe('WITNESS_NOT_INDEPENDENT')
  })

  it('is refused when one did not', () => {
    expect(codeOf(() => demand(note))).toBe('CHECKPOINT_NOT_COSIGNED')
    expect(codeOf(() => demand(cosigned, [other]))).toBe('CHECKPOINT_NOT_COSIGNED')
    const third = { ...other, publicKey: createLogSigner('88'.repeat(32)).publicKey }
    expect(codeOf(() => demand(cosigned, [witness, third]))).toBe('CHECKPOINT_NOT_COSIGNED')
  })
})

describe('a note signed by two keys of one name', () => {
  const text = note.slice(0, note.indexOf('\n\n') + 1)
  const old = createLogSigner(example.seed)
  const next = createLogSigner('77'.repeat(32))
  const nextKey = createVerifierKey(example.origin, next.publicKey)
  const both = signNoteByAll(text, [
    { key, signer: old },
    { key: nextKey, signer: next },
  ])

  it('is good for whoever knows either', () => {
    for (const keys of [[key], [nextKey], [key, nextKey]]) expect(openNote(both, keys, nodeVerifier)).toBe(text)
    expect(openNoteOf(both, [key, nextKey], nodeVerifier).signers.map((signer) => signer.key)).toEqual([key, nextKey])
  })

  it('is refused when either of two known signatures is wrong', () => {
    const wrong = signNoteByAll(text, [
      { key, signer: next },
      { key: nextKey, signer: next },
    ])
    expect(codeOf(() => openNote(wrong, [key, nextKey], nodeVerifier))).toBe('NOTE_SIGNATURE_INVALID')
    expect(openNote(wrong, [nextKey], nodeVerifier)).toBe(text)
  })
})
