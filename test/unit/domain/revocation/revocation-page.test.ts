import { describe, expect, it } from 'vitest'
import { parseRevocationPage } from '../../../../core/src/domain/revocation/revocation-page.ts'
import { parseSnapshot } from '../../../../core/src/domain/revocation/snapshot.ts'
import { refusalOf } from '../../../tools/refusal.ts'

const JTI = '550e8400-e29b-41d4-a716-446655440000'
const ENTRY = { jti: JTI, revokedAt: '2025-12-09T15:05:00Z', reason: 'key lost' }
const MALFORMED = 'RevocationRefused LIST_MALFORMED'

describe('a page of revocations', () => {
  it('gives ids, cursor and time', () => {
    const page = { revocations: [ENTRY, { jti: 'x' }], nextCursor: 'abc', syncedAt: '2025-12-09T15:05:00Z' }
    expect(parseRevocationPage(page)).toEqual({ ids: [JTI, 'x'], nextCursor: 'abc', syncedAtMs: 1_765_292_700_000 })
  })

  it.each([{}, { nextCursor: null, syncedAt: null }])('may be the last and say no time: %j', (more) => {
    expect(parseRevocationPage({ revocations: [], ...more })).toEqual({ ids: [] })
  })

  it.each([
    {},
    { revocations: {} },
    { revocations: null },
    { revocations: [null] },
    { revocations: ['x'] },
    { revocations: [{}] },
    { revocations: [{ jti: '' }] },
    { revocations: [{ jti: 7 }] },
    { revocations: [ENTRY, { jti: 'x'.repeat(257) }] },
    { revocations: [], nextCursor: '' },
    { revocations: [], nextCursor: 7 },
    { revocations: [], nextCursor: 'x'.repeat(1025) },
    { revocations: [], syncedAt: 'yesterday' },
    { revocations: [], syncedAt: 1_765_292_700 },
  ])('counts for nothing as %j', (page) => {
    expect(refusalOf(() => parseRevocationPage(page))).toBe(MALFORMED)
  })

  it('takes the longest id and cursor', () => {
    const page = { revocations: [{ jti: 'x'.repeat(256) }], nextCursor: 'c'.repeat(1024) }
    expect(parseRevocationPage(page)).toMatchObject({ ids: ['x'.repeat(256)], nextCursor: 'c'.repeat(1024) })
  })
})

describe('a snapshot', () => {
  const text = (changes: object) =>
    JSON.stringify({ syncedAt: '2025-12-09T15:05:00Z', revocations: [ENTRY], ...changes })

  it("is the reference's file, which says nothing about subjects", () => {
    expect(parseSnapshot(text({}))).toEqual({ ids: [JTI], syncedAtMs: 1_765_292_700_000 })
  })

  it('may say which subjects are not active', () => {
    expect(parseSnapshot(text({ disabledSubjects: ['did:web:a.example'] })).disabledSubjects).toEqual(
      new Set(['did:web:a.example']),
    )
  })

  it.each<[string, string]>([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['a member twice', '{"syncedAt":"2025-12-09T15:05:00Z","revocations":[],"revocations":[]}'],
    ['no time', text({ syncedAt: undefined })],
    ['one page of several', text({ nextCursor: 'x' })],
    ['a list that is none', text({ revocations: [{}] })],
    ['subjects that are no list', text({ disabledSubjects: 'did:web:a.example' })],
    ['subjects that are an empty text', text({ disabledSubjects: '' })],
    ['subjects that are an object', text({ disabledSubjects: {} })],
    ['a subject that is no text', text({ disabledSubjects: [7] })],
    ['a subject that is no DID', text({ disabledSubjects: ['agent-1'] })],
    ['a subject that is too long', text({ disabledSubjects: [`did:web:${'a'.repeat(2048)}`] })],
  ])('is refused with %s', (_, bad) => {
    expect(refusalOf(() => parseSnapshot(bad))).toBe('RevocationRefused SNAPSHOT_MALFORMED')
  })
})
