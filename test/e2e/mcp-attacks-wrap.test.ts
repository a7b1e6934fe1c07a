import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readEvidenceLogs } from '@capiscio/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type McpWorld, openMcpWorld } from '../tools/mcp-world.ts'
import { type Conversation, converse, type Message } from '../tools/wrapped-puppet.ts'

const POLICY = `version: 1
default: { minTrustLevel: 0 }
tools:
  - match: ["guarded"]
    minTrustLevel: 3
`

let world: McpWorld
beforeAll(async () => {
  world = await openMcpWorld(POLICY)
})
afterAll(() => world[Symbol.asyncDispose]())

const call = (id: unknown, name: string, more: object = {}): Message => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: {}, ...more },
})
const list = (id: unknown): Message => ({ jsonrpc: '2.0', id, method: 'tools/list' })
const reply = (id: unknown, result: unknown): Message => ({ jsonrpc: '2.0', id, result })
const cancel = (requestId: unknown): Message => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId },
})
const ALL = { tools: [{ name: 'open' }, { name: 'guarded' }] }

describe('the wrapper', () => {
  let talk: Conversation
  let base = 0
  /** Ids of one test are of no other. */
  const id = (number: number): number => base + number
  beforeAll(() => {
    talk = converse(world)
  })
  beforeEach(() => {
    base += 100
    talk.forget()
  })
  afterAll(async () => {
    expect(await talk.close()).toBe(0)
  })

  it('shows no listing under the id of another request', async () => {
    const twins = [`${id(1)}`, `${id(1)}.0`, `0x${id(1).toString(16)}`]
    talk.send({ jsonrpc: '2.0', id: id(1), method: 'prompts/list' }, ...twins.map(list))
    await talk.settled()
    expect(talk.got()).toMatchObject(twins.map((twin) => ({ id: twin, error: { code: -32_600 } })))
    expect(talk.reached().map((message) => message.id)).toEqual([id(1)])
    // A server that confuses them answers in vain.
    talk.say(...twins.map((twin) => reply(twin, ALL)), reply(id(1), { prompts: [] }), reply(id(1), ALL))
    await talk.settled()
    expect(talk.got().slice(3)).toEqual([reply(id(1), { prompts: [] })])
  })

  it('filters a listing however it is asked for and answered', async () => {
    talk.send(
      list(id(1)),
      { ...list(id(2)), method: 'Tools/List' },
      { ...list(id(3)), method: 'tools/list ' },
      list('a'),
    )
    await talk.settled()
    expect(talk.reached().map((message) => message.id)).toEqual([id(1), 'a'])
    talk.say(reply(id(1), { ...ALL, nextCursor: 'b' }), reply('a', { ...ALL, ttlMs: 60_000, cacheScope: 'public' }))
    talk.say(reply('a', ALL), reply(id(9), ALL), { ...reply(id(1), ALL), method: undefined })
    await talk.settled()
    const refused = [2, 3].map((number) => ({ id: id(number), error: { code: -32_600 } }))
    const open = [{ name: 'open' }]
    expect(talk.got()).toMatchObject([
      ...refused,
      { id: id(1), result: { tools: open, nextCursor: 'b' } },
      { id: 'a', result: { tools: open, cacheScope: 'private' } },
    ])
    expect(JSON.stringify(talk.got())).not.toContain('guarded')
  })

  it('shows no listing that was cancelled, under whatever id', async () => {
    talk.send(list(id(1)))
    await talk.settled()
    talk.send(cancel(`${id(1)}`), cancel(id(1)), list(id(1)))
    await talk.settled()
    expect(talk.reached()).toMatchObject([
      list(id(1)),
      { method: 'notifications/cancelled', params: { requestId: id(1) } },
    ])
    talk.say(reply(id(1), ALL))
    await talk.settled()
    expect(talk.got()).toMatchObject([{ id: id(1), error: { code: -32_600 } }])
  })

  it('runs nothing undecided', async () => {
    const guarded = '"params":{"name":"guarded","arguments":{}}'
    talk.send(
      call(id(1), 'guarded'),
      call(id(2), 'guarded', { task: { ttl: 60_000 } }),
      call(id(3), 'open\ud800'),
      call(id(4), 'open', { arguments: { a: '\ud800' } }),
      `{"jsonrpc":"2.0","id":${id(5)},"__proto__":{"method":"tools/call","params":{"name":"guarded"}}}`,
      `{"jsonrpc":"2.0","id":${id(6)},"method":"tools/call","params":{"__proto__":{"name":"guarded"}}}`,
      `{"jsonrpc":"2.0","id":${id(7)},"method":"tools/call","params":{"name":"open","name":"guarded"}}`,
      `{"jsonrpc":"2.0","id":${id(8)},"method":"tools/call","params":[{"name":"guarded"}]}`,
      `{"jsonrpc":"2.0","id":${id(9)},"result":{},"method":"tools/call",${guarded}}`,
      `[{"jsonrpc":"2.0","id":${id(10)},"method":"tools/call",${guarded}}]`,
      cancel({ toString: 1, valueOf: 1 }),
      call('x'.repeat(10_000), 'guarded'),
    )
    await expect.poll(() => talk.got().length, { timeout: 10_000 }).toBe(11)
    await talk.settled()
    expect(talk.reached()).toEqual([])
    expect(talk.got()).toHaveLength(11)
  })

  it('runs once what was decided once', async () => {
    talk.send(call(id(1), 'open'), call(id(1), 'open'), call(`${id(1)}`, 'open'))
    await expect.poll(() => talk.reached().length, { timeout: 10_000 }).toBe(1)
    talk.send(call(id(1), 'open'))
    await talk.settled()
    expect(talk.reached()).toEqual([call(id(1), 'open')])
    expect(talk.got()).toMatchObject(
      [id(1), `${id(1)}`, id(1)].map((taken) => ({ id: taken, error: { code: -32_600 } })),
    )
    talk.say(reply(id(1), { content: [] }), reply(id(1), { content: [{ type: 'text', text: 'twice' }] }))
    await talk.settled()
    expect(talk.got().slice(3)).toMatchObject([
      { id: id(1), result: { content: [], _meta: { 'io.capisc/evidence': {} } } },
    ])
  })

  it('takes nothing for the answer to what the server asks but an answer', async () => {
    talk.say({ jsonrpc: '2.0', id: id(7), method: 'sampling/createMessage', params: {} })
    await expect.poll(() => talk.got().length, { timeout: 10_000 }).toBe(1)
    talk.send(
      { ...call(id(7), 'guarded'), result: {} },
      { jsonrpc: '2.0', id: id(7), result: {}, error: { code: 1, message: 'x' } },
      { jsonrpc: '2.0', id: id(7), result: { ok: 1 }, params: { name: 'guarded' } },
      { jsonrpc: '2.0', id: id(7), result: { ok: 2 }, Method: 'tools/call' },
    )
    await talk.settled()
    expect(talk.reached()).toEqual([reply(id(7), { ok: 2 })])
    expect(talk.got().slice(1)).toMatchObject([1, 2, 3].map(() => ({ id: null, error: { code: -32_600 } })))
  })

  it('keeps the _meta of others, however long, and takes the caller’s out', async () => {
    const blob = 'x'.repeat(10 * 1024 * 1024)
    const [, , badge] = world.badges
    const others = { 'com.example/blob': blob, caller_badge: 'kept', 'io.capisc.example/caller-badge': 'kept' }
    const ours = { capiscio_caller_badge: badge, 'io.capisc/caller-badge': badge }
    talk.send(call(id(1), 'guarded', { _meta: { ...others, ...ours } }))
    await expect.poll(() => talk.reached().length, { timeout: 20_000 }).toBe(1)
    expect(talk.reached()).toEqual([call(id(1), 'guarded', { _meta: others })])
  })

  it('denies a credential that is two, or of 10 MB', async () => {
    const [low, , high] = world.badges
    const huge = 'x'.repeat(10 * 1024 * 1024)
    talk.send(
      call(id(1), 'open', { _meta: { capiscio_caller_badge: high, 'io.capisc/caller-badge': low } }),
      call(id(2), 'open', { _meta: { capiscio_caller_badge: high, capiscio_caller_api_key: world.apiKey } }),
      call(id(3), 'open', { _meta: { capiscio_caller_badge: huge } }),
      call(id(4), 'open', { _meta: [high] }),
    )
    await expect.poll(() => talk.got().length, { timeout: 20_000 }).toBe(4)
    const denied = { result: { isError: true, _meta: { 'io.capisc/denial': { code: 'TOOL_BADGE_INVALID' } } } }
    expect(talk.got()).toMatchObject([denied, denied, denied, denied])
    expect(talk.reached()).toEqual([])
  })

  it('goes on after a message that is nested too deeply, from either side', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    talk.send(
      `{"jsonrpc":"2.0","id":${id(1)},"method":"prompts/list","params":{"a":${deep}}}`,
      `{"jsonrpc":"2.0","id":${id(2)},"method":"tools/call","params":{"name":"open","arguments":{"a":${deep}}}}`,
      { jsonrpc: '2.0', id: id(3), method: 'prompts/list' },
      { jsonrpc: '2.0', id: id(4), method: 'prompts/list' },
    )
    await talk.settled()
    talk.say(`{"jsonrpc":"2.0","id":${id(3)},"result":{"a":${deep}}}`, reply(id(4), {}))
    await talk.settled()
    expect(talk.reached().map((message) => message.id)).toEqual([id(3), id(4)])
    expect(talk.got()).toMatchObject([
      { id: id(1), error: { code: -32_600 } },
      { id: id(2), error: { code: -32_600 } },
      { id: id(3), error: { code: -32_603 } },
      { id: id(4), result: {} },
    ])
  })

  it('writes each message as one line for every reader', async () => {
    // Some readers end a line at these, too.
    const text = 'a\u2028b\u2029c\u0085d'
    talk.send(call(id(1), 'open', { arguments: { text } }))
    await expect.poll(() => talk.reached().length, { timeout: 10_000 }).toBe(1)
    expect(talk.reached()).toEqual([call(id(1), 'open', { arguments: { text } })])
  })

  it('lets the server hear of a cancelled call only when it heard of the call', async () => {
    talk.send(call(id(1), 'open'), cancel(id(1)))
    talk.send(call(id(2), 'open'))
    await expect.poll(() => talk.reached().length, { timeout: 10_000 }).toBeGreaterThan(0)
    await expect.poll(() => talk.reached().some((message) => message.id === id(2)), { timeout: 10_000 }).toBe(true)
    talk.send(cancel(id(2)))
    await talk.settled()
    const heard = talk
      .reached()
      .filter((message) => message.id === id(2) || (message.params as Message).requestId === id(2))
    expect(heard).toEqual([call(id(2), 'open'), cancel(id(2))])
    expect(talk.reached()).not.toContainEqual(call(id(1), 'open'))
    expect(talk.reached()).not.toContainEqual(cancel(id(1)))
    // Not this one.
    talk.send(call(id(3), 'open'), cancel(`${id(3)}`))
    await expect.poll(() => talk.reached().some((message) => message.id === id(3)), { timeout: 10_000 }).toBe(true)
    // A tool that ran on all the same: its answer is for nobody.
    talk.say(reply(id(2), { content: [] }))
    await talk.settled()
    expect(talk.got()).toEqual([])
  })
})

describe('the wrapper that discloses who the server is', () => {
  it('never mixes its own word with what the server says of itself', async () => {
    const { did, pem } = world.server('wrapped')
    const other = world.server('other')
    const key = join(world.folder, 'wrapped.pem')
    await writeFile(key, pem)
    const talk = converse(world, '--did', did, '--key', key)
    talk.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} })
    await talk.settled()
    const said = {
      capiscio_server_did: other.did,
      'io.capisc/server-badge': other.badge,
      capiscio_pop_signature: 'x.y.z',
      'io.capisc/pop-bound-signature': 'x.y.z',
      'com.example/kept': 1,
    }
    talk.say(reply(1, { capabilities: {}, _meta: said }))
    await talk.settled()
    expect(talk.got()).toEqual([
      reply(1, {
        capabilities: {},
        _meta: { 'com.example/kept': 1, capiscio_server_did: did, 'io.capisc/server-did': did },
      }),
    ])
    expect(await talk.close()).toBe(0)
  })
})

describe('the evidence of a wrapper', () => {
  it('holds every decision, and none of what was no call', async () => {
    const targets: unknown[] = []
    for await (const { leaf } of readEvidenceLogs({ root: join(world.folder, 'evidence') })) {
      const record = JSON.parse(new TextDecoder().decode(leaf))
      if (record['event.name'] === 'capiscio.tool_invocation') targets.push(record['capiscio.target'])
    }
    expect(new Set(targets)).toEqual(new Set(['open', 'guarded']))
  })
})
