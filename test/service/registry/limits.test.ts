import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RATE_LIMITS } from '../../../core/src/domain/registry/rate-limits.ts'
import {
  agentKey,
  proofClaims,
  proofHeader,
  type RegistryWorld,
  startRegistryWorld,
} from '../../fakes/registry-world.ts'

describe('limits of a registry (registry.md §1.4)', () => {
  let world: RegistryWorld
  let did: string
  const agent = agentKey(1)

  beforeEach(async () => {
    world = await startRegistryWorld({ flags: { behindProxy: true } })
    did = await world.addAgent('a1', agent)
  })
  afterEach(() => world?.[Symbol.asyncDispose]())

  const from = (address: string) => ({ 'x-forwarded-for': `10.9.9.9, ${address}` })
  const badge = () => world.call('POST', '/v1/agents/a1/badge', { body: {} })
  const challenge = (address = '192.0.2.1', id = 'a1') =>
    world.call('POST', `/v1/agents/${id}/badge/challenge`, { headers: from(address), body: {} })

  it('gives a hundred badges an hour to one agent, and says when the next may be asked for', async () => {
    for (let n = 0; n < 100; n++) expect((await badge()).status).toBe(200)
    world.clock.advance(10_000)
    const refused = await badge()
    expect([refused.status, refused.body.error]).toEqual([429, 'rate_limit_exceeded'])
    expect(refused.body.success).toBe(false)
    expect(refused.headers.get('retry-after')).toBe('3590')
    await world.addAgent('a2', agentKey(2))
    expect(await world.outcome('POST', '/v1/agents/a2/badge', { body: {} })).toBe('200')
    world.clock.advance(3_589_999)
    expect((await badge()).status).toBe(429)
    world.clock.advance(1)
    expect((await badge()).status).toBe(200)
  })

  it('makes ten challenges a minute for one DID', async () => {
    for (let n = 0; n < 10; n++) expect((await challenge(`192.0.2.${n}`)).status).toBe(200)
    const refused = await challenge('192.0.2.99')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60'])
    world.clock.advance(60_000)
    expect((await challenge()).status).toBe(200)
  })

  it('makes fifty challenges a minute for one address, which the proxy in front says', async () => {
    for (let n = 0; n < 6; n++) await world.addAgent(`b${n}`, agentKey(10 + n))
    for (let n = 0; n < 50; n++) expect((await challenge('192.0.2.1', `b${n % 6}`)).status).toBe(200)
    expect((await challenge('192.0.2.1')).status).toBe(429)
    expect((await challenge('192.0.2.2')).status).toBe(200)
  })

  it('takes no more challenges for a DID when five proofs failed, for a quarter of an hour', async () => {
    const held = await world.challenge(did)
    const send = (given: object) => {
      const claims = { ...proofClaims(held, did, world.clock.nowMs()), ...given }
      const proof_jws = agent.sign(proofHeader(`${did}#key-1`), claims)
      const body = { mode: 'ial1', challenge_id: held.challenge_id, proof_jws }
      return world.outcome('POST', `/v1/agents/${did}/badge`, { key: 'none', headers: from('192.0.2.7'), body })
    }
    for (let n = 0; n < 4; n++) expect(await send({ aud: 'x' })).toBe('403 audience_mismatch')
    expect((await challenge()).status).toBe(200)
    expect(await send({ aud: 'x' })).toBe('403 audience_mismatch')
    const refused = await challenge()
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '900'])
    // The challenge that is there can still be answered.
    expect(await send({})).toBe('200')
    world.clock.advance(899_999)
    expect((await challenge()).status).toBe(429)
    world.clock.advance(1)
    expect((await challenge()).status).toBe(200)
  })

  it('takes ten proofs a minute for one DID', async () => {
    const held = await world.challenge(did)
    const send = () => {
      const body = { mode: 'ial1', challenge_id: held.challenge_id, proof_jws: 'x' }
      return world.outcome('POST', `/v1/agents/${did}/badge`, { key: 'none', body })
    }
    for (let n = 0; n < 10; n++) expect(await send()).toBe('400 invalid_proof')
    expect(await send()).toBe('429 rate_limit_exceeded')
  })

  it('counts badges for a challenge with the others, and proofs by address', async () => {
    const rateLimits = {
      ...RATE_LIMITS,
      badgesPerSubject: { events: 1, windowMs: 60_000 },
      proofsPerAddress: { events: 2, windowMs: 60_000 },
    }
    await using strict = await startRegistryWorld({ adapters: { rateLimits } })
    const name = await strict.addAgent('a1', agent)
    const redeem = async () => {
      const held = await strict.challenge(name)
      const proof_jws = agent.sign(proofHeader(`${name}#key-1`), proofClaims(held, name, strict.clock.nowMs()))
      const body = { mode: 'ial1', challenge_id: held.challenge_id, proof_jws }
      return strict.call('POST', '/v1/agents/a1/badge', { key: 'none', body })
    }
    expect((await redeem()).status).toBe(200)
    const second = await redeem()
    expect([second.status, second.body.message]).toEqual([429, expect.stringContaining('badges for this subject')])
    const third = await redeem()
    expect([third.status, third.body.message]).toEqual([429, expect.stringContaining('proofs from this address')])
  })

  it('answers a thousand requests a minute with one key', async () => {
    const key = await world.addKey('busy', 'default', ['agents:write'])
    const ask = () => world.call('GET', '/v1/sdk/agents', { key })
    const answers = await Promise.all(Array.from({ length: 1001 }, ask))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1000)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(1)
    expect((await world.call('GET', '/v1/sdk/agents')).status).toBe(200)
    world.clock.advance(60_000)
    expect((await ask()).status).toBe(200)
  })
})
