import type { MessageInitShape } from '@bufbuild/protobuf'
import { create } from '@bufbuild/protobuf'
import { RevocationReason, RevocationService } from '@capiscio/proto/v1'
import { describe, expect, it } from 'vitest'
import { openLocalRevocations } from '../../../core/src/domain/revocation/local-revocations.ts'
import { createRevocationService } from '../../../core/src/service/v1/revocation-service.ts'
import { settled } from '../../fakes/clocked-timer.ts'
import { json, unreachable } from '../../fakes/issuer-http.ts'
import { createMemoryLocalFile } from '../../fakes/memory-local-file.ts'
import { badgeId, createRevocationWorld, REVOKED_AGENT, REVOKING_ISSUER } from '../../fakes/revocation-world.ts'
import { rejectionOf } from '../../tools/refusal.ts'

const METHODS = RevocationService.method
const LIST_URL = 'https://api.registry.example.com/base/v1/elsewhere?x=1'

async function createWorld({ maxEntries = 1_000 } = {}) {
  const world = createRevocationWorld()
  const { clock, http, open } = world
  const issuer = await open({ maxEntries })
  const file = createMemoryLocalFile()
  const local = await openLocalRevocations(file, clock)
  const revocations = { local, issuers: new Map([[REVOKING_ISSUER, issuer]]) }
  const { unary } = createRevocationService({ revocations, clock, maxStalenessMs: 300_000 })
  const call = <M extends keyof typeof METHODS>(
    method: M,
    request: MessageInitShape<(typeof METHODS)[M]['input']>,
  ): Promise<MessageInitShape<(typeof METHODS)[M]['output']>> => {
    const handler = unary[method] as (request: unknown, context: unknown) => Promise<never>
    return handler(create(METHODS[method].input, request as never), { signal: new AbortController().signal })
  }
  const revokeAtIssuer = (...numbers: number[]): void => {
    for (const n of numbers) http.revoked.push({ jti: badgeId(n), atMs: clock.nowMs() })
  }
  return { ...world, issuer, local, file, call, revokeAtIssuer }
}

describe('RevocationService.IsRevoked', () => {
  it('knows what the operator revoked, with the entry', async () => {
    const { call } = await createWorld()
    await call('revoke', { subject: badgeId(1), reason: RevocationReason.KEY_COMPROMISE, comment: 'stolen' })
    expect(await call('isRevoked', { subject: badgeId(1).toUpperCase() })).toEqual({
      isRevoked: true,
      source: 'local',
      entry: {
        subject: badgeId(1),
        issuer: 'local',
        reason: RevocationReason.KEY_COMPROMISE,
        comment: 'stolen',
        revokedAt: { value: '2025-12-09T15:05:00.000Z' },
      },
    })
  })

  it('knows what an issuer revoked, and for how long it knows', async () => {
    const { call, issuer, clock, revokeAtIssuer } = await createWorld()
    revokeAtIssuer(1)
    await issuer.sync?.()
    const entry = { subject: badgeId(1), issuer: REVOKING_ISSUER }
    expect(await call('isRevoked', { subject: badgeId(1) })).toEqual({
      isRevoked: true,
      source: REVOKING_ISSUER,
      entry,
    })
    expect(await call('isRevoked', { subject: badgeId(2) })).toEqual({ isRevoked: false, source: REVOKING_ISSUER })
    clock.advance(300_001)
    expect(await call('isRevoked', { subject: badgeId(1) })).toMatchObject({ isRevoked: true })
    expect(await rejectionOf(call('isRevoked', { subject: badgeId(2) }))).toBe('RpcFault UNAVAILABLE')
  })

  it('asks the issuer when it is told to', async () => {
    const { call, http, revokeAtIssuer } = await createWorld()
    revokeAtIssuer(1)
    expect(await rejectionOf(call('isRevoked', { subject: badgeId(1) }))).toBe('RpcFault UNAVAILABLE')
    expect(http.asked).toEqual([])
    expect(await call('isRevoked', { subject: badgeId(1), checkRemote: true })).toMatchObject({ isRevoked: true })
    expect(await call('isRevoked', { subject: badgeId(2), checkRemote: true })).toMatchObject({ isRevoked: false })
    http.trouble = unreachable
    const asked = call('isRevoked', { subject: badgeId(3), checkRemote: true })
    expect(await rejectionOf(asked)).toBe('RpcFault UNAVAILABLE')
  })

  it('never asks for what can be no badge, and knows of agents what the operator says', async () => {
    const { call, http } = await createWorld()
    for (const subject of ['..', 'a/b', REVOKED_AGENT]) {
      expect(await call('isRevoked', { subject, checkRemote: true })).toEqual({ isRevoked: false, source: 'local' })
    }
    expect(http.asked).toEqual([])
    await call('revoke', { subject: REVOKED_AGENT })
    expect(await call('isRevoked', { subject: REVOKED_AGENT })).toMatchObject({ isRevoked: true, source: 'local' })
  })

  it('answers for a time', async () => {
    const { call, issuer } = await createWorld()
    await issuer.sync?.()
    await call('revoke', { subject: badgeId(1) })
    const at = (value: string) => call('isRevoked', { subject: badgeId(1), atTime: { value } })
    expect(await at('2025-12-09T15:04:59.999Z')).toMatchObject({ isRevoked: false })
    expect(await at('2025-12-09T15:05:00Z')).toMatchObject({ isRevoked: true })
    expect(await at('')).toMatchObject({ isRevoked: true })
    expect(await rejectionOf(at('yesterday'))).toBe('RpcFault INVALID_ARGUMENT')
  })

  it.each(['', 'a b'])('refuses %j', async (subject) => {
    const { call } = await createWorld()
    expect(await rejectionOf(call('isRevoked', { subject }))).toBe('RpcFault INVALID_ARGUMENT')
  })
})

describe('RevocationService.Revoke and Unrevoke', () => {
  it('revoke on this core and take that back', async () => {
    const { call, local } = await createWorld()
    expect(await call('revoke', { subject: 'x' })).toMatchObject({ entry: { subject: 'x', issuer: 'local' } })
    expect(local.isRevoked({ jti: 'x', subject: '' })).toBe(true)
    expect(await call('unrevoke', { subject: 'X' })).toEqual({ wasRevoked: true })
    expect(await call('unrevoke', { subject: 'x' })).toEqual({ wasRevoked: false })
    expect(local.isRevoked({ jti: 'x', subject: '' })).toBe(false)
  })

  it('cannot take back what an issuer revoked', async () => {
    const { call, issuer, revokeAtIssuer } = await createWorld()
    revokeAtIssuer(1)
    await issuer.sync?.()
    const answer = await call('unrevoke', { subject: badgeId(1) })
    expect(answer).toEqual({ wasRevoked: false, errorMessage: expect.stringContaining(REVOKING_ISSUER) })
    expect(await call('isRevoked', { subject: badgeId(1) })).toMatchObject({ isRevoked: true })
  })

  it.each([
    { subject: '' },
    { subject: 'x', comment: 'c'.repeat(1025) },
    { subject: 'x', reason: 99 as RevocationReason },
  ])('say in a field what is wrong with %j', async (request) => {
    const { call, file } = await createWorld()
    expect(await call('revoke', request)).toEqual({ errorMessage: expect.stringMatching(/./) })
    expect(file.text).toBeUndefined()
  })

  it('say when the file cannot be written, and not that it was done', async () => {
    const { call, file, local } = await createWorld()
    file.append = async () => {
      throw Object.assign(new Error('ENOSPC: no space left on device'), { syscall: 'write' })
    }
    expect(await call('revoke', { subject: 'x' })).toEqual({ errorMessage: expect.stringContaining('ENOSPC') })
    expect(local.isRevoked({ jti: 'x', subject: '' })).toBe(false)
    file.append = async () => {
      throw new Error('a bug')
    }
    expect(await rejectionOf(call('revoke', { subject: 'x' }))).toBe('Error')
  })
})

describe('RevocationService.ListRevocations', () => {
  it('lists those of the operator, then those of issuers, page by page', async () => {
    const { call, issuer, revokeAtIssuer } = await createWorld()
    for (const subject of ['a', 'b', 'c']) await call('revoke', { subject })
    revokeAtIssuer(1, 2, 3, 4)
    await issuer.sync?.()
    for (const limit of [1, 2, 3, 4, 5, 100, 0, -1]) {
      const listed: string[] = []
      let cursor = ''
      let pages = 0
      do {
        const page = await call('listRevocations', { limit, cursor })
        expect(page.totalCount).toBe(7)
        listed.push(...(page.entries ?? []).map(({ subject = '' }) => subject))
        cursor = page.nextCursor ?? ''
        pages++
      } while (cursor !== '')
      expect(listed.slice(0, 3)).toEqual(['a', 'b', 'c'])
      expect(listed.slice(3).sort()).toEqual([1, 2, 3, 4].map(badgeId))
      expect(pages).toBeLessThanOrEqual(limit <= 0 ? 1 : Math.ceil(7 / limit) + 1)
    }
  })

  it('filters by subject and by reason', async () => {
    const { call, issuer, revokeAtIssuer } = await createWorld()
    await call('revoke', { subject: badgeId(1), reason: RevocationReason.SUPERSEDED })
    await call('revoke', { subject: 'b' })
    revokeAtIssuer(1, 2)
    await issuer.sync?.()
    const subjects = async (request: object) =>
      (await call('listRevocations', request)).entries?.map(({ subject, issuer }) => `${subject} ${issuer}`)
    expect(await subjects({ subjectFilter: badgeId(1).toUpperCase() })).toHaveLength(2)
    expect(await subjects({ subjectFilter: 'nobody' })).toEqual([])
    expect(await subjects({ reasonFilter: RevocationReason.SUPERSEDED })).toEqual([`${badgeId(1)} local`])
    expect(await subjects({ reasonFilter: RevocationReason.KEY_COMPROMISE })).toEqual([])
  })

  it.each([
    'x',
    'e30',
    'bnVsbA',
    'eyJsb2NhbCI6LTF9',
    'eyJsb2NhbCI6MCwiaXNzdWVyIjo3fQ',
    'eyJsb2NhbCI6MCwiaXNzdWVyIjoieCIsImFmdGVyIjp7fX0',
  ])('refuses %j, which is no cursor of ours', async (cursor) => {
    const { call } = await createWorld()
    expect(await rejectionOf(call('listRevocations', { cursor }))).toBe('RpcFault INVALID_ARGUMENT')
  })

  it('ends where the cursor names an issuer that is there no more', async () => {
    const { call } = await createWorld()
    const cursor = Buffer.from('{"local":0,"issuer":"https://gone.example"}').toString('base64url')
    expect(await call('listRevocations', { cursor })).toEqual({ entries: [], totalCount: 0 })
  })
})

describe('RevocationService.FetchRevocationList', () => {
  it('adds what a list of a configured issuer says, and makes nothing fresh by it', async () => {
    const { call, http, issuer } = await createWorld()
    http.trouble = (path) =>
      path.startsWith('/v1/elsewhere')
        ? json(
            path.includes('cursor')
              ? { revocations: [{ jti: badgeId(2) }] }
              : { revocations: [{ jti: badgeId(1) }], nextCursor: 'a&b' },
          )
        : undefined
    expect(await call('fetchRevocationList', { url: LIST_URL })).toEqual({
      entriesAdded: 2,
      fetchedAt: { value: '2025-12-09T15:05:00.000Z' },
    })
    expect(http.asked).toEqual(['/v1/elsewhere?x=1', '/v1/elsewhere?x=1&cursor=a%26b'])
    expect(await call('fetchRevocationList', { url: LIST_URL })).toMatchObject({ entriesAdded: 0 })
    expect(issuer.list.has(badgeId(2))).toBe(true)
    expect(issuer.list.ageMs()).toBeUndefined()
  })

  it('asks where the issuer is reached, when it is named by its own origin', async () => {
    const { call, http } = await createWorld()
    http.trouble = () => json({ revocations: [] })
    // The origin that badges name is reached at apiUrl.
    await call('fetchRevocationList', { url: `${REVOKING_ISSUER}/base/v1/revocations` })
    expect(http.asked).toEqual(['/v1/revocations'])
  })

  it.each([
    '',
    'x',
    'https://evil.example/v1/revocations',
    'http://api.registry.example.com/v1/revocations',
    'https://api.registry.example.com:8443/v1/revocations',
    'https://user@api.registry.example.com/base/v1/revocations',
    'https://:pw@api.registry.example.com/base/v1/revocations',
    'https://api.registry.example.com/base/v1/revocations#x',
    'file:///etc/passwd',
  ])('does not fetch %j', async (url) => {
    const { call, http } = await createWorld()
    expect(await call('fetchRevocationList', { url })).toEqual({ errorMessage: expect.stringMatching(/./) })
    expect(http.asked).toEqual([])
  })

  it('adds what fits into the list, and says in a field that it is full', async () => {
    const { call, http, issuer } = await createWorld({ maxEntries: 1 })
    http.trouble = () => json({ revocations: [{ jti: badgeId(1) }, { jti: badgeId(2) }] })
    expect(await call('fetchRevocationList', { url: LIST_URL })).toEqual({
      errorMessage: expect.stringContaining('full'),
    })
    expect(issuer.list.set.size).toBe(1)
  })

  it('is no answer where the fault is ours', async () => {
    const { call, http } = await createWorld()
    http.trouble = () => {
      throw new Error('a bug')
    }
    expect(await rejectionOf(call('fetchRevocationList', { url: LIST_URL }))).toBe('Error')
  })

  it('says in a field that the list cannot be had', async () => {
    const { call, http } = await createWorld()
    http.trouble = unreachable
    expect(await call('fetchRevocationList', { url: LIST_URL })).toEqual({ errorMessage: expect.stringMatching(/./) })
    http.trouble = () => json({ revocations: [{}] })
    expect(await call('fetchRevocationList', { url: LIST_URL })).toEqual({ errorMessage: expect.stringMatching(/./) })
  })
})

describe('RevocationService.ClearCache', () => {
  it('forgets what issuers said until it was read again, and never what the operator revoked', async () => {
    const { call, issuer, http, revokeAtIssuer } = await createWorld()
    await call('revoke', { subject: 'a' })
    revokeAtIssuer(1)
    await issuer.sync?.()
    await issuer.live?.badges.ask(badgeId(2))
    await issuer.live?.agents.ask(REVOKED_AGENT)
    http.trouble = unreachable
    expect(await call('clearCache', { sourceFilter: 'local' })).toEqual({ entriesCleared: 0 })
    expect(await call('clearCache', { sourceFilter: 'https://other.example' })).toEqual({ entriesCleared: 0 })
    expect(issuer.list.has(badgeId(1))).toBe(true)
    expect(await call('clearCache', { sourceFilter: REVOKING_ISSUER })).toEqual({ entriesCleared: 1 })
    expect(issuer.list.ageMs()).toBeUndefined()
    expect([issuer.live?.badges.statistics().entries, issuer.live?.agents.statistics().entries]).toEqual([0, 0])
    expect(await call('isRevoked', { subject: 'a' })).toMatchObject({ isRevoked: true })
    await settled()
    http.trouble = undefined
    await call('clearCache', {})
    await settled()
    expect(issuer.list.has(badgeId(1))).toBe(true)
    expect(issuer.list.ageMs()).toBe(0)
  })
})

describe('RevocationService.GetCacheStats', () => {
  it('counts by source', async () => {
    const { call, issuer, revokeAtIssuer } = await createWorld()
    const none = { totalEntries: 0, localEntries: 0, remoteEntries: 0, cacheTtl: { seconds: 300n } }
    expect(await call('getCacheStats', {})).toEqual({ ...none, entriesBySource: { local: 0, [REVOKING_ISSUER]: 0 } })
    await call('revoke', { subject: 'a' })
    revokeAtIssuer(1, 2)
    await issuer.sync?.()
    expect(await call('getCacheStats', {})).toEqual({
      totalEntries: 3,
      localEntries: 1,
      remoteEntries: 2,
      cacheTtl: { seconds: 300n },
      lastRemoteFetch: { value: '2025-12-09T15:05:00.000Z' },
      entriesBySource: { local: 1, [REVOKING_ISSUER]: 2 },
    })
  })
})
