import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  formatLocalLine,
  type LocalEntry,
  parseLocalFile,
  parseSubject,
} from '../../../../core/src/domain/revocation/local-file.ts'
import { refusalOf } from '../../../tools/refusal.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const subjects = (text: string) => parseLocalFile(bytes(text)).entries.map(({ subject }) => subject)
const REFUSED = 'RevocationRefused LOCAL_FILE_MALFORMED'

describe('the file of local revocations', () => {
  it('revokes badges and subjects, line by line', () => {
    const text = `{"jti":"A-1","at":"2025-12-09T15:05:00Z","reason":"KEY_COMPROMISE","comment":"stolen"}

  {"subject":"did:web:a.example:agents:B"}
`
    expect(parseLocalFile(bytes(text))).toEqual({
      entries: [
        { subject: 'a-1', revokedAtMs: 1_765_292_700_000, reason: 'KEY_COMPROMISE', comment: 'stolen' },
        { subject: 'did:web:a.example:agents:B', revokedAtMs: 0 },
      ],
    })
  })

  it('keeps the first of two revocations, and none that was taken back', () => {
    expect(parseLocalFile(bytes('{"jti":"a","comment":"1"}\n{"jti":"A","comment":"2"}\n')).entries).toEqual([
      { subject: 'a', revokedAtMs: 0, comment: '1' },
    ])
    expect(subjects('{"jti":"a"}\n{"jti":"b"}\n{"unrevoke":"A"}\n')).toEqual(['b'])
    expect(subjects('{"jti":"a"}\n{"unrevoke":"a"}\n{"jti":"a"}\n')).toEqual(['a'])
    expect(subjects('')).toEqual([])
  })

  it('reads every entry that it writes', () => {
    const subject = fc.oneof(fc.uuid(), fc.constant('did:web:a.example'))
    const entry = fc.record(
      { subject, revokedAtMs: fc.nat(), reason: fc.string(), comment: fc.string({ unit: 'grapheme' }) },
      { requiredKeys: ['subject', 'revokedAtMs'] },
    )
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: ({ subject }) => subject }), (entries) => {
        const text = entries.map((one) => `${formatLocalLine(one as LocalEntry)}\n`).join('')
        expect(parseLocalFile(bytes(text))).toEqual({ entries })
      }),
    )
  })

  it('counts a last line without an end that people wrote, and not one that was never finished', () => {
    expect(parseLocalFile(bytes('{"jti":"a"}\n{"jti":"b"}')).entries).toHaveLength(2)
    expect(parseLocalFile(bytes('{"jti":"a"}\n   ')).entries).toHaveLength(1)
    expect(parseLocalFile(bytes('{"jti":"a"}\n{"jti":"b'))).toEqual({
      entries: [{ subject: 'a', revokedAtMs: 0 }],
      tornAt: 12,
    })
    // Cut in the middle of a character.
    expect(parseLocalFile(bytes('{"jti":"a"}\n{"comment":"ü"}').subarray(0, 25)).tornAt).toBe(12)
  })

  it.each([
    '{"jti":"a"',
    'a',
    '[]',
    '{}',
    '{"jti":"a","subject":"did:web:a.example"}',
    '{"jti":"a","unrevoke":"a"}',
    '{"jti":7}',
    '{"jti":""}',
    '{"jti":"a b"}',
    '{"jti":"did:web:a.example"}',
    '{"subject":"a"}',
    '{"jti":"a","at":"yesterday"}',
    '{"jti":"a","at":null}',
    '{"jti":"a","reason":7}',
    '{"jti":"a","comment":["x"]}',
    `{"jti":"a","comment":"${'x'.repeat(1025)}"}`,
    '{"jti":"a","Reason":"x"}',
    '{"jti":"a","jti":"b"}',
  ])('is refused whole because of the line %j, which is named', (line) => {
    const text = `{"jti":"first"}\n${line}\n`
    expect(refusalOf(() => parseLocalFile(bytes(text)))).toBe(REFUSED)
    expect(() => parseLocalFile(bytes(text))).toThrow('Line 2 ')
  })

  it('names a wrong last line without an end, too', () => {
    expect(() => parseLocalFile(bytes('{"jti":"a"}\n{"jti":7}'))).toThrow('Line 2 ')
  })

  it('is refused when it is no text', () => {
    expect(refusalOf(() => parseLocalFile(Uint8Array.of(0xff, 0x0a)))).toBe(REFUSED)
  })
})

describe('what is to be revoked', () => {
  it.each([
    ['550E8400-e29b-41d4-a716-446655440000', '550e8400-e29b-41d4-a716-446655440000'],
    ['did:web:a.example:agents:Agent-1', 'did:web:a.example:agents:Agent-1'],
    ['anything', 'anything'],
  ])('%s is kept as %s', (text, kept) => expect(parseSubject(text)).toBe(kept))

  it.each(['', ' a', 'a\n', 'a b', 'a\u0000', '\ud800', 'x'.repeat(2049)])('%j is refused', (text) => {
    expect(refusalOf(() => parseSubject(text))).toBe('RevocationRefused ENTRY_INVALID')
  })
})
