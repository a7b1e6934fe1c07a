import { hash } from 'node:crypto'
import { type ClaimedCredential, listedTools, type McpMessage, type Members } from '@capiscio/proto/mcp'
import type { ToolAccess } from '@capiscio/proto/sdk'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMessageGuard, type MessageGuardOptions } from '../../../core/src/mcp/message-guard.ts'
import type { ToolDecider } from '../../../core/src/mcp/tool-decider.ts'

/** Decides by name and caller alone: the same for a call and for a listing. */
const mayRun = (tool: string, caller: ClaimedCredential | undefined): boolean =>
  hash('sha256', `${tool} ${caller?.secret ?? ''}`).startsWith('0') ||
  /^[0-7]/.test(hash('sha256', `${tool}${caller?.secret ?? ''}`))

function accessOf(allowed: boolean): ToolAccess {
  return {
    outcome: allowed ? 'ALLOW' : 'DENY',
    code: allowed ? undefined : 'TOOL_POLICY_DENIED',
    reason: allowed ? undefined : 'POLICY_DENIED',
    message: 'No.',
    evidenceId: 'e-1',
    logOrigin: 'log.example/1',
    leafIndex: 7n,
  } as unknown as ToolAccess
}

function createWorld(options: Partial<MessageGuardOptions> = {}, more: Partial<ToolDecider> = {}) {
  const asked: [string, unknown, ClaimedCredential | undefined][] = []
  const ended: boolean[] = []
  const decider: ToolDecider = {
    async decide(tool, args, caller) {
      asked.push([tool, args, caller])
      return accessOf(mayRun(tool, caller))
    },
    allowed: async (tools, caller) => new Set(tools.filter((tool) => mayRun(tool, caller))),
    principal: async (caller) => caller?.secret ?? '',
    ended: (_access, failed) => void ended.push(failed),
    proof: async (access) => `proof of ${access.evidenceId}`,
    ...more,
  }
  return { guard: createMessageGuard({ decider, monotonicMs: () => 0, ...options }), asked, ended }
}

const call = (name: unknown, more: object = {}, id: string | number = 1): McpMessage => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, ...more },
})
const cancel = (requestId: string | number): McpMessage => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId },
})
const ALLOWED = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].find((name) => mayRun(name, undefined)) ?? ''
const DENIED = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].find((name) => !mayRun(name, undefined)) ?? ''

describe('a receipt', () => {
  const wanting = (name: string, id: number) => call(name, { _meta: { 'io.capisc/want-proof': true } }, id)
  const receipt = { evidenceId: 'e-1', logOrigin: 'log.example/1', leafIndex: '7' }

  it('stands in every answer of a tool, with the proof for a client that wants it', async () => {
    const { guard } = createWorld()
    await guard.fromClient(call(ALLOWED, {}, 1))
    expect((await guard.fromServer({ id: 1, result: {} }))?.result).toEqual({
      _meta: { 'io.capisc/evidence': receipt },
    })
    await guard.fromClient(wanting(ALLOWED, 2))
    expect((await guard.fromServer({ id: 2, result: {} }))?.result).toEqual({
      _meta: { 'io.capisc/evidence': { ...receipt, proof: 'proof of e-1' } },
    })
  })

  it('stands beside the reason of a denial', async () => {
    const { guard } = createWorld()
    expect(await guard.fromClient(wanting(DENIED, 1))).toMatchObject({
      answer: {
        result: {
          isError: true,
          _meta: {
            'io.capisc/denial': { code: 'TOOL_POLICY_DENIED', evidenceId: 'e-1' },
            'io.capisc/evidence': { ...receipt, proof: 'proof of e-1' },
          },
        },
      },
    })
  })

  it('comes without its proof when there is none, and never keeps back the answer', async () => {
    const { guard } = createWorld()
    const none = createWorld({}, { proof: async () => undefined })
    await none.guard.fromClient(wanting(ALLOWED, 1))
    expect((await none.guard.fromServer({ id: 1, result: { ok: 1 } }))?.result).toEqual({
      ok: 1,
      _meta: { 'io.capisc/evidence': receipt },
    })
    await guard.fromClient(wanting(ALLOWED, 1))
    expect(await guard.fromServer({ id: 1, error: { code: 1, message: 'no' } })).not.toHaveProperty('result')
  })
})

describe('a listing', () => {
  it('shows exactly what a call may run, for every caller and set of tools', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { maxLength: 12 }),
        fc.option(fc.stringMatching(/^[a-z]{1,5}$/)),
        async (tools, badge) => {
          const { guard } = createWorld()
          const _meta = badge === null ? {} : { capiscio_caller_badge: badge }
          await guard.fromClient({ id: 'list', method: 'tools/list', params: { _meta } })
          const listing = await guard.fromServer({ id: 'list', result: { tools: tools.map((name) => ({ name })) } })
          const shown = listedTools(listing?.result as Members)
          const run: string[] = []
          for (const [id, name] of tools.entries()) {
            if ('forward' in (await guard.fromClient(call(name, { _meta }, id)))) run.push(name)
          }
          expect(shown).toEqual(run)
        },
      ),
    )
  })

  it('shows nothing when nobody can tell', async () => {
    const { guard } = createWorld({
      decider: { ...({} as ToolDecider), allowed: () => Promise.reject(new Error('no core')) },
    })
    await guard.fromClient({ id: 1, method: 'tools/list' })
    expect(await guard.fromServer({ id: 1, result: { tools: [{ name: 'a' }] } })).toMatchObject({
      result: { tools: [] },
    })
  })
})

describe('a call', () => {
  it('goes to the server without the credential, and its result comes back with the receipt', async () => {
    const { guard, ended } = createWorld({ defaultCaller: undefined })
    const passage = await guard.fromClient(call(ALLOWED, { arguments: { a: 1 }, _meta: { x: 1 } }))
    expect(passage).toEqual({
      forward: call(ALLOWED, { arguments: { a: 1 }, _meta: { x: 1 } }),
      access: expect.objectContaining({ outcome: 'ALLOW' }),
    })
    const answer = await guard.fromServer({ jsonrpc: '2.0', id: 1, result: { content: [], _meta: { own: 1 } } })
    expect(answer?.result).toEqual({
      content: [],
      _meta: { own: 1, 'io.capisc/evidence': { evidenceId: 'e-1', logOrigin: 'log.example/1', leafIndex: '7' } },
    })
    expect(ended).toEqual([false])
  })

  it('that is denied never reaches the server; its answer says so in the form of its era', async () => {
    const { guard } = createWorld()
    const legacy = await guard.fromClient(call(DENIED))
    expect(legacy).toMatchObject({
      answer: { id: 1, result: { isError: true, _meta: { 'io.capisc/denial': { code: 'TOOL_POLICY_DENIED' } } } },
    })
    expect(legacy).not.toHaveProperty('answer.result.resultType')
    const modern = await guard.fromClient(
      call(DENIED, { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }),
    )
    expect(modern).toMatchObject({ answer: { result: { resultType: 'complete', isError: true } } })
  })

  it('without a decision does not run', async () => {
    const { guard } = createWorld({
      decider: { ...({} as ToolDecider), decide: () => Promise.reject(new Error('no core')) },
    })
    expect(await guard.fromClient(call(ALLOWED))).toMatchObject({
      answer: { result: { isError: true, _meta: { 'io.capisc/denial': { code: 'INTERNAL' } } } },
    })
  })

  it('of a caller that contradicts itself is asked about with a credential that is none', async () => {
    const { guard, asked } = createWorld()
    await guard.fromClient(call(ALLOWED, { _meta: { capiscio_caller_badge: 'x', 'io.capisc/caller-badge': 'y' } }))
    expect(asked[0]?.[2]).toEqual({ kind: 'badge', secret: 'conflicting-credentials' })
  })

  it('is that of the default caller where it shows no credential, and of its own where it does', async () => {
    const { guard, asked } = createWorld({ defaultCaller: { kind: 'apiKey', secret: 'desk' } })
    await guard.fromClient(call('t', {}, 1))
    await guard.fromClient(call('t', { _meta: { capiscio_caller_badge: 'b' } }, 2))
    expect(asked.map(([, , caller]) => caller?.secret)).toEqual(['desk', 'b'])
  })

  it('that names no tool, or takes an id in use, is malformed', async () => {
    const { guard } = createWorld()
    expect(await guard.fromClient(call(7))).toMatchObject({ answer: { error: { code: -32_600 } } })
    await guard.fromClient({ id: 'x', method: 'tools/list' })
    expect(await guard.fromClient({ id: 'x', method: 'tools/list' })).toMatchObject({
      answer: { error: { code: -32_600 } },
    })
  })

  it('that is cancelled while it waits never runs, and the server hears nothing of it', async () => {
    const decision = Promise.withResolvers<ToolAccess>()
    const { guard } = createWorld({ decider: { ...({} as ToolDecider), decide: () => decision.promise } })
    const waiting = guard.fromClient(call(ALLOWED))
    const again = guard.fromClient(call(ALLOWED))
    const cancelled = await guard.fromClient(cancel(1))
    decision.resolve(accessOf(true))
    expect([cancelled, await waiting]).toEqual([{ drop: true }, { drop: true }])
    expect(await again).toMatchObject({ answer: { id: 1, error: { code: -32_600 } } })
  })

  it('that runs is cancelled by the server; its late answer is recorded and goes nowhere', async () => {
    const { guard, ended } = createWorld()
    await guard.fromClient(call(ALLOWED))
    expect(await guard.fromClient(cancel(1))).toEqual({ forward: cancel(1) })
    expect(await guard.fromClient(cancel(1))).toEqual({ drop: true })
    expect(await guard.fromClient(call(ALLOWED))).toMatchObject({ answer: { error: { code: -32_600 } } })
    expect(await guard.fromServer({ id: 1, result: { content: [] } })).toBeUndefined()
    expect(ended).toEqual([false])
    expect(await guard.fromClient(call(ALLOWED))).toHaveProperty('forward')
  })

  it.each([
    [{ result: { isError: true } }, true],
    [{ error: { code: -1, message: 'x' } }, true],
    [{ result: {} }, false],
  ])('that ends with %o is reported', async (end, failed) => {
    const { guard, ended } = createWorld()
    await guard.fromClient(call(ALLOWED))
    await guard.fromServer({ id: 1, ...end })
    expect(ended).toEqual([failed])
  })
})

describe('a message that a lenient server would run undecided', () => {
  const params = { name: DENIED, arguments: {} }

  it.each([
    ['without an id', { method: 'tools/call', params }],
    ['with the id null', { id: null, method: 'tools/call', params }],
    ['with an id of true', { id: true, method: 'tools/call', params }],
    ['with an id that is a list', { id: [1], method: 'tools/call', params }],
    ['with an id that is an object', { id: {}, method: 'tools/call', params }],
    ['with an id beyond all numbers', { id: Number.POSITIVE_INFINITY, method: 'tools/call', params }],
    ['that is a reply too', { id: 1, method: 'tools/call', params, result: {} }],
    ['that is an error too', { id: 1, method: 'tools/call', params, error: {} }],
    ['with its method in a list', { id: 1, method: ['tools/call'], params }],
    ['in capitals', { id: 1, method: 'Tools/Call', params }],
    ['with a space', { id: 1, method: 'tools/call ', params }],
    ['in wide letters', { id: 1, method: 'ｔools/call', params }],
    ['with two names', { id: 1, method: 'tools/call', params: { name: ALLOWED, Name: DENIED } }],
    ['with two arguments', { id: 1, method: 'tools/call', params: { name: ALLOWED, arguments: {}, argumentſ: {} } }],
    ['with parameters that are a list', { id: 1, method: 'tools/call', params: [DENIED] }],
    ['with an empty name', { id: 1, method: 'tools/call', params: { name: '' } }],
    ['as another notification', { method: 'TOOLS/call', params }],
    ['as an initialize without an id', { method: 'initialize', params: {} }],
    ['that is nothing', { id: 1, params }],
  ])('%s reaches no server and asks nobody', async (_, message) => {
    const { guard, asked } = createWorld()
    expect(await guard.fromClient({ jsonrpc: '2.0', ...message })).not.toHaveProperty('forward')
    expect(asked).toEqual([])
  })

  it('is passed on without the members that make it two', async () => {
    const { guard } = createWorld()
    const twin = { Method: 'tools/call', Id: 7, Params: params }
    for (const message of [
      { id: 1, method: 'ping' },
      { id: 2, result: {} },
      { id: 3, error: { code: 1, message: 'x' } },
      { method: 'notifications/initialized' },
    ]) {
      expect(await guard.fromClient({ ...message, ...twin } as McpMessage)).toEqual({
        forward: { jsonrpc: '2.0', ...message },
      })
    }
  })

  it('is never forwarded, whatever it is made of: only calls that were decided reach the server', async () => {
    const member = fc.oneof(
      fc.constantFrom<unknown>('tools/call', 'Tools/Call', 'tools/list', 'ping', 'notifications/x', null, 1, '', true),
      fc.constantFrom<unknown>({ name: DENIED }, { name: ALLOWED }, { name: ALLOWED, NAME: DENIED }, {}, []),
    )
    const names = ['id', 'method', 'params', 'result', 'error', 'Method', 'Params', 'ID', 'jsonrpc', '_meta']
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...names), member), async (message) => {
        const { guard, asked } = createWorld()
        const passage = await guard.fromClient(message as McpMessage)
        if (!('forward' in passage)) return
        // Read as leniently as any server may.
        const seen = Object.entries(passage.forward).map(([name, value]) => [name.toLowerCase(), value])
        const methods = seen.filter(([name]) => name === 'method').map(([, method]) => String(method).toLowerCase())
        if (methods.includes('tools/call')) expect(asked).toEqual([[ALLOWED, undefined, undefined]])
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('an answer', () => {
  it.each([
    ['that nobody waits for', { id: 9, result: { tools: [{ name: DENIED }] } }],
    ['under the id in another type', { id: '1', result: { tools: [{ name: DENIED }] } }],
    ['without an id', { result: { tools: [] } }],
    ['with the id null', { id: null, result: { tools: [] } }],
    ['that is a request too', { id: 1, method: 'x', result: { tools: [] } }],
  ])('%s goes nowhere', async (_, message) => {
    const { guard } = createWorld()
    await guard.fromClient({ id: 1, method: 'tools/list' })
    expect(await guard.fromServer(message)).toBeUndefined()
  })

  it('to a listing that was cancelled goes nowhere, also under the id of a later request', async () => {
    const { guard } = createWorld()
    await guard.fromClient({ id: 1, method: 'tools/list' })
    await guard.fromClient(cancel(1))
    expect(await guard.fromClient({ id: 1, method: 'ping' })).toMatchObject({ answer: { error: { code: -32_600 } } })
    expect(await guard.fromServer({ id: 1, result: { tools: [{ name: DENIED }] } })).toBeUndefined()
  })

  it('comes once', async () => {
    const { guard } = createWorld()
    await guard.fromClient({ id: 1, method: 'ping' })
    expect(await guard.fromServer({ id: 1, result: {} })).toEqual({ id: 1, result: {} })
    expect(await guard.fromServer({ id: 1, result: {} })).toBeUndefined()
  })

  it('that is no object is passed on empty', async () => {
    const { guard } = createWorld()
    await guard.fromClient({ id: 1, method: 'tools/list' })
    expect(await guard.fromServer({ id: 1, result: [{ name: DENIED }] })).toEqual({ id: 1, result: {} })
    await guard.fromClient({ id: 2, method: 'tools/list' })
    expect(await guard.fromServer({ id: 2, result: { tools: { 0: { name: DENIED } } } })).toMatchObject({
      result: { tools: [] },
    })
  })

  it('that is an error passes, also without an id', async () => {
    const { guard } = createWorld()
    const error = { code: -32_601, message: 'x' }
    await guard.fromClient({ id: 1, method: 'tools/list' })
    expect(await guard.fromServer({ id: 1, error })).toEqual({ id: 1, error })
    expect(await guard.fromServer({ id: null, error })).toEqual({ id: null, error })
    expect(await guard.fromServer({ id: 1, error })).toBeUndefined()
  })
})

describe('a task', () => {
  const about = (method: string, taskId?: unknown, caller?: string, more: object = {}): McpMessage => ({
    jsonrpc: '2.0',
    id: 9,
    method,
    params: { taskId, ...(caller !== undefined && { _meta: { capiscio_caller_api_key: caller } }), ...more },
  })
  const none = { answer: { jsonrpc: '2.0', id: 9, error: { code: -32_602, message: 'Task not found.' } } }

  async function begun(taskId: string, result: Members = { task: { taskId } }) {
    const world = createWorld({}, { decide: async () => ({ ...accessOf(true), principal: 'amy' }) as ToolAccess })
    await world.guard.fromClient(call(ALLOWED))
    await world.guard.fromServer({ id: 1, result })
    return world.guard
  }

  it.each(['tasks/get', 'tasks/result', 'tasks/update', 'tasks/cancel'])(
    'is for whoever began it, and for nobody else: %s',
    async (method) => {
      const guard = await begun('t-1')
      for (const stranger of [undefined, 'bob']) {
        expect(await guard.fromClient(about(method, 't-1', stranger))).toEqual(none)
      }
      expect(await guard.fromClient(about(method, 't-2', 'amy'))).toEqual(none)
      expect(await guard.fromClient(about(method, 't-1', 'amy'))).toMatchObject({ forward: { method } })
    },
  )

  it('is known by the form of the modern era, too, and by that of an answer that came too late', async () => {
    const modern = await begun('t-1', { resultType: 'task', taskId: 't-1' })
    expect(await modern.fromClient(about('tasks/get', 't-1', 'amy'))).toHaveProperty('forward')
    const world = createWorld({}, { decide: async () => ({ ...accessOf(true), principal: 'amy' }) as ToolAccess })
    await world.guard.fromClient(call(ALLOWED))
    await world.guard.fromClient(cancel(1))
    expect(await world.guard.fromServer({ id: 1, result: { task: { taskId: 't-1' } } })).toBeUndefined()
    expect(await world.guard.fromClient(about('tasks/get', 't-1', 'amy'))).toHaveProperty('forward')
  })

  it('is listed for whoever began it', async () => {
    const guard = await begun('t-1')
    const all = { tasks: [{ taskId: 't-1' }, { taskId: 't-2' }, {}, 7], nextCursor: 'n' }
    for (const [caller, tasks] of [
      ['amy', [{ taskId: 't-1' }]],
      ['bob', []],
      [undefined, []],
    ] as const) {
      expect(await guard.fromClient(about('tasks/list', undefined, caller))).toHaveProperty('forward')
      expect(await guard.fromServer({ id: 9, result: all })).toEqual({ id: 9, result: { tasks, nextCursor: 'n' } })
    }
    expect(await guard.fromClient(about('tasks/list', undefined, 'amy'))).toHaveProperty('forward')
    expect(await guard.fromServer({ id: 9, result: { tasks: 't-2' } })).toEqual({ id: 9, result: { tasks: [] } })
  })

  it('stays whose it was', async () => {
    let principal = 'amy'
    const { guard } = createWorld({}, { decide: async () => ({ ...accessOf(true), principal }) as ToolAccess })
    for (principal of ['amy', 'bob']) {
      await guard.fromClient(call(ALLOWED))
      await guard.fromServer({ id: 1, result: { task: { taskId: 't-1' } } })
    }
    expect(await guard.fromClient(about('tasks/get', 't-1', 'bob'))).toEqual(none)
    expect(await guard.fromClient(about('tasks/get', 't-1', 'amy'))).toHaveProperty('forward')
  })

  it('is nobody’s under another name, another method, a name that is two, or when nobody can tell who asks', async () => {
    const guard = await begun('t-1')
    const modern = {
      _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', capiscio_caller_api_key: 'amy' },
    }
    for (const message of [about('tasks/everything', 't-1', 'amy'), about('tasks/result', 't-1', undefined, modern)]) {
      expect(await guard.fromClient(message)).toMatchObject({ answer: { error: { code: -32_601 } } })
    }
    expect(await guard.fromClient(about('tasks/get', 't-1', undefined, modern))).toHaveProperty('forward')
    await guard.fromServer({ id: 9, result: {} })
    expect(await guard.fromClient(about('tasks/get', 't-1', 'amy', { TaskID: 't-2' }))).toEqual(none)
    expect(await guard.fromClient(about('Tasks/List', undefined, 'amy'))).toMatchObject({
      answer: { error: { code: -32_600 } },
    })
    for (const principal of [async () => undefined, () => Promise.reject(new Error('no core'))]) {
      const other = createWorld({}, { principal }).guard
      expect(await other.fromClient(about('tasks/list'))).toEqual(none)
    }
  })

  it('is asked about under an id that is free, and no more when that was cancelled', async () => {
    const known = Promise.withResolvers<string>()
    const { guard } = createWorld({}, { principal: () => known.promise })
    const asked = guard.fromClient(about('tasks/list'))
    expect(await guard.fromClient(about('tasks/list'))).toMatchObject({ answer: { error: { code: -32_600 } } })
    expect(await guard.fromClient(cancel(9))).toEqual({ drop: true })
    known.resolve('amy')
    expect(await asked).toEqual({ drop: true })
  })
})

describe('a guard whose server answers no more', () => {
  it('records each call without an answer as failed, once, and runs none that waits', async () => {
    const decision = Promise.withResolvers<ToolAccess>()
    const { guard, ended } = createWorld()
    for (const id of [1, 2]) await guard.fromClient(call(ALLOWED, {}, id))
    await guard.fromClient({ id: 3, method: 'ping' })
    await guard.fromClient(cancel(2))
    guard.giveUp()
    guard.giveUp()
    expect(ended).toEqual([true, true])
    expect(await guard.fromServer({ id: 1, result: {} })).toBeUndefined()
    const late = createWorld({}, { decide: () => decision.promise })
    const waiting = late.guard.fromClient(call(ALLOWED))
    late.guard.giveUp()
    decision.resolve(accessOf(true))
    expect([await waiting, late.ended]).toEqual([{ drop: true }, []])
  })

  it('is idle when it was answered, subscriptions and cancelled requests aside', async () => {
    const { guard } = createWorld()
    const happened: string[] = []
    await guard.idle()
    await guard.fromClient({ id: 1, method: 'subscriptions/listen' })
    await guard.idle()
    await guard.fromClient(call(ALLOWED, {}, 2))
    await guard.fromClient(call(ALLOWED, {}, 3))
    const idle = guard.idle().then(() => happened.push('idle'))
    await guard.fromServer({ id: 2, result: {} })
    happened.push('one answered')
    await guard.fromClient(cancel(3))
    await idle
    expect(happened).toEqual(['one answered', 'idle'])
  })
})

describe('what a guard remembers', () => {
  it('is small, whatever was sent: no long id, and no credential that could not be one', async () => {
    const seen: unknown[] = []
    const allowed: ToolDecider['allowed'] = async (_, caller) => {
      seen.push(caller?.secret.length)
      return new Set()
    }
    const { guard } = createWorld({}, { allowed })
    expect(await guard.fromClient({ id: 'x'.repeat(1025), method: 'ping' })).toMatchObject({
      answer: { id: 'x'.repeat(1025), error: { code: -32_600 } },
    })
    expect(await guard.fromClient({ id: 'x'.repeat(1024), method: 'ping' })).toHaveProperty('forward')
    for (const length of [16_384, 16_385]) {
      const _meta = { capiscio_caller_badge: 'x'.repeat(length) }
      await guard.fromClient({ id: 1, method: 'tools/list', params: { _meta } })
      await guard.fromServer({ id: 1, result: { tools: [{ name: 'a' }] } })
    }
    expect(seen).toEqual([16_384, 'conflicting-credentials'.length])
  })

  it('is bounded: beyond 10 000 open requests the next one is refused until one is answered', async () => {
    const { guard } = createWorld()
    for (let id = 0; id < 10_000; id += 1) await guard.fromClient({ id, method: 'ping' })
    expect(await guard.fromClient(call(ALLOWED, {}, 'x'))).toMatchObject({ answer: { error: { code: -32_600 } } })
    await guard.fromServer({ id: 0, result: {} })
    expect(await guard.fromClient(call(ALLOWED, {}, 'x'))).toHaveProperty('forward')
  })

  it('is bounded: beyond 10 000 cancelled requests without an answer the next one runs to its end', async () => {
    const { guard } = createWorld()
    for (let id = 0; id < 10_000; id += 1) {
      await guard.fromClient({ id, method: 'ping' })
      await guard.fromClient(cancel(id))
    }
    await guard.fromClient(call(ALLOWED, {}, 'x'))
    expect(await guard.fromClient(cancel('x'))).toEqual({ drop: true })
    expect(await guard.fromServer({ id: 'x', result: {} })).toHaveProperty('result._meta')
    await guard.fromServer({ id: 0, result: {} })
    await guard.fromClient(call(ALLOWED, {}, 'x'))
    expect(await guard.fromClient(cancel('x'))).toEqual({ forward: cancel('x') })
  })
})

describe('everything else', () => {
  it('passes as it is', async () => {
    const { guard } = createWorld()
    const ping = { jsonrpc: '2.0', id: 9, method: 'ping' }
    expect(await guard.fromClient(ping)).toEqual({ forward: ping })
    for (const message of [
      { id: 9, result: {} },
      { id: 5, method: 'sampling/createMessage' },
      { method: 'notifications/progress' },
    ]) {
      expect(await guard.fromServer(message)).toBe(message)
    }
    const answer = { jsonrpc: '2.0', id: 5, result: { role: 'user' } }
    expect(await guard.fromClient(answer)).toEqual({ forward: answer })
  })

  it('goes on without the credential of the caller', async () => {
    const { guard } = createWorld()
    const _meta = { capiscio_caller_badge: 'x', 'io.capisc/caller-api-key': 'y', other: 1 }
    for (const message of [
      { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: 'a', _meta } },
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1, _meta } },
    ]) {
      expect(await guard.fromClient(message)).toEqual({
        forward: { ...message, params: { ...message.params, _meta: { other: 1 } } },
      })
    }
  })

  it('discloses the server in handshakes, and nowhere else', async () => {
    const { guard } = createWorld({ disclose: async () => ({ serverDid: 'did:web:a.example' }) })
    await guard.fromClient({ id: 1, method: 'initialize' })
    expect(await guard.fromServer({ id: 1, result: {} })).toMatchObject({
      result: { _meta: { capiscio_server_did: 'did:web:a.example' } },
    })
    await guard.fromClient({ id: 2, method: 'ping' })
    expect(await guard.fromServer({ id: 2, result: {} })).toEqual({ id: 2, result: {} })
  })
})
