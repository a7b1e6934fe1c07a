import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { agentKey, ISSUER, type RegistryWorld, startRegistryWorld } from '../../fakes/registry-world.ts'

let world: RegistryWorld
let did: string
let key: string

beforeEach(async () => {
  world = await startRegistryWorld()
  key = await world.addKey('team', 'team-a', ['agents:write', 'badges:issue'])
  did = await world.addAgent('a1', agentKey(1), key)
})
afterEach(() => world?.[Symbol.asyncDispose]())

const issue = async (body: object = {}) => (await world.call('POST', '/v1/agents/a1/badge', { key, body })).body
const revoke = (jti: string, given: object = {}) =>
  world.call('POST', `/v1/badges/${jti}/revoke`, { key, body: { reason: 'lost' }, ...given })

describe('the status of a badge (registry.md §6.3, §6.4)', () => {
  it.each(['/v1/badges', '/v1/servers/badges'])('is public at %s', async (prefix) => {
    const { jti } = await issue()
    const status = () => world.call('GET', `${prefix}/${jti}/status`, { key: 'none' })
    const end = { expires_at: '2026-06-01T12:05:00Z', expiresAt: '2026-06-01T12:05:00Z' }
    expect((await status()).body).toEqual({ jti, sub: did, revoked: false, ...end })
    await revoke(jti)
    const revoked = { jti, sub: did, revoked: true, ...end, revokedAt: '2026-06-01T12:00:00.000Z', reason: 'lost' }
    expect((await status()).body).toEqual(revoked)
  })

  it.each([randomUUID(), 'x', '%00', '..%2f'])('is 404 for %s', async (jti) => {
    expect(await world.outcome('GET', `/v1/badges/${jti}/status`, { key: 'none' })).toBe('404 badge_not_found')
  })

  it('stands as it was revoked first', async () => {
    const { jti } = await issue()
    const first = await revoke(jti)
    expect([first.status, first.body.revoked, first.body.revokedAt]).toEqual([200, true, '2026-06-01T12:00:00.000Z'])
    world.clock.advance(5000)
    const records = world.records().length
    expect((await revoke(jti, { body: { reason: 'other' } })).body).toEqual(first.body)
    expect(world.records().length).toBe(records)
    expect(world.records().at(-1)).toMatchObject({
      'event.name': 'capiscio.registry.badge_revoked',
      'io.capisc.registry.jti': jti,
      'io.capisc.registry.reason': 'lost',
      'io.capisc.registry.actor': 'apikey:team',
    })
  })

  it('is changed by the owner, an administrator or the subject, and by nobody else', async () => {
    const { jti, badge } = await issue()
    const stranger = await world.addKey('stranger', 'team-b', ['badges:issue', 'agents:write'])
    const path = `/v1/badges/${jti}/revoke`
    expect(await world.outcome('POST', path, { key: 'none' })).toBe('401 unauthorized')
    expect(await world.outcome('POST', path, { key: stranger })).toBe('403 agent_not_owned')
    expect(await world.outcome('POST', `/v1/badges/${randomUUID()}/revoke`)).toBe('404 badge_not_found')
    expect((await world.call('GET', `/v1/badges/${jti}/status`)).body.revoked).toBe(false)
    expect(await world.outcome('POST', path, { key: 'none', headers: { authorization: `Bearer ${badge}` } })).toBe(
      '200',
    )
    expect(await world.outcome('POST', `/v1/sdk/servers/badges/${(await issue()).jti}/revoke`)).toBe('200')
  })
})

describe('the list of revocations (registry.md §6.5)', () => {
  const list = async (query = '') => (await world.call('GET', `/v1/revocations${query}`, { key: 'none' })).body
  const jtisOf = (page: { revocations: { jti: string }[] }) => page.revocations.map(({ jti }) => jti)

  it('is empty at first, and says up to when it is complete', async () => {
    expect(await list()).toEqual({ revocations: [], syncedAt: '2026-06-01T12:00:00.000Z' })
  })

  it('is ordered, includes the time asked for, and goes on page by page', async () => {
    const jtis: string[] = []
    for (let n = 0; n < 5; n++) {
      const { jti } = await issue()
      jtis.push(jti)
      await revoke(jti)
      world.clock.advance(1000)
    }
    expect((await list()).revocations[0]).toEqual({
      jti: jtis[0],
      revokedAt: '2026-06-01T12:00:00.000Z',
      reason: 'lost',
    })
    expect(jtisOf(await list('?since=2026-06-01T12:00:02Z'))).toEqual(jtis.slice(2))
    expect(jtisOf(await list('?since=2026-06-01T14:00:02.000%2B02:00'))).toEqual(jtis.slice(2))
    expect(jtisOf(await list('?since=2026-06-01T12:00:02.001Z'))).toEqual(jtis.slice(3))
    const seen: string[] = []
    let cursor = ''
    for (let page = await list('?limit=2'); ; page = await list(`?limit=2&cursor=${cursor}`)) {
      seen.push(...jtisOf(page))
      cursor = page.nextCursor
      if (cursor === undefined) break
      expect(page.revocations).toHaveLength(2)
    }
    expect(seen).toEqual(jtis)
  })

  it('leaves out badges that ended more than an hour ago', async () => {
    const { jti } = await issue({ ttl: 60 })
    await revoke(jti)
    world.clock.advance(3_660_000)
    expect(jtisOf(await list())).toEqual([jti])
    world.clock.advance(1000)
    expect(jtisOf(await list())).toEqual([])
  })

  it('loses nothing when the clock is set back after somebody synced', async () => {
    const { jti } = await issue()
    const { syncedAt } = await list()
    world.clock.setWall(world.clock.nowMs() - 600_000)
    await revoke(jti)
    expect(jtisOf(await list(`?since=${syncedAt}`))).toEqual([jti])
  })

  it.each([
    '?since=yesterday',
    '?since=2026-06-01',
    '?since=1',
    '?limit=0',
    '?limit=-1',
    '?limit=x',
    '?cursor=!',
    '?cursor=MA',
  ])('refuses %s', async (query) => {
    expect(await world.outcome('GET', `/v1/revocations${query}`, { key: 'none' })).toBe('400 invalid_request')
  })
})

describe('validating a badge (registry.md §6.8)', () => {
  const validate = (given: object) => world.call('POST', '/v1/validate', { key: 'none', ...given })

  it('tells what a good one says, whatever its audience, however it is sent', async () => {
    const { badge, jti } = await issue({ badge_aud: ['https://elsewhere.example'] })
    for (const given of [
      { body: { token: badge } },
      { headers: { 'x-capiscio-badge': badge } },
      { headers: { authorization: `Bearer ${badge}` } },
    ]) {
      const { status, body } = await validate(given)
      expect(status).toBe(200)
      const claims = { jti, iss: ISSUER, sub: did, aud: ['https://elsewhere.example'], ial: '0', trustLevel: '1' }
      expect(body).toMatchObject({ success: true, valid: true, claims, data: { valid: true, claims } })
    }
  })

  it.each([
    ['a broken one', async (badge: string) => `${badge}x`, 'BADGE_SIGNATURE_INVALID'],
    ['text', async () => 'x', 'BADGE_MALFORMED'],
  ])('refuses %s', async (_case, change, code) => {
    const { status, body } = await validate({ body: { token: await change((await issue()).badge) } })
    expect(status).toBe(401)
    expect(body).toMatchObject({
      success: false,
      valid: false,
      error_code:
        code === 'BADGE_SIGNATURE_INVALID' ? expect.stringMatching(/BADGE_(SIGNATURE_INVALID|MALFORMED)/) : code,
    })
  })

  it('refuses one that was revoked, whose agent is disabled, or that ended', async () => {
    const { badge, jti } = await issue()
    const { badge: other } = await issue()
    await revoke(jti)
    expect((await validate({ body: { token: badge } })).body.error_code).toBe('BADGE_REVOKED')
    await world.call('POST', '/v1/agents/a1/disable')
    expect((await validate({ body: { token: other } })).body.error_code).toBe('BADGE_AGENT_DISABLED')
    world.clock.advance(3_600_000)
    expect((await validate({ body: { token: other } })).body.error_code).toBe('BADGE_EXPIRED')
  })

  it('refuses a request without a badge', async () => {
    expect(await world.outcome('POST', '/v1/validate', { key: 'none' })).toBe('400 invalid_request')
  })
})
