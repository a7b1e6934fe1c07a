import { hash } from 'node:crypto'
import type { ClaimedCredential, McpMessage } from '@capiscio/proto/mcp'
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

function createWorld(options: Partial<MessageGuardOptions> = {}) {
  const asked: [string, unknown, ClaimedCredential | undefined][] = []
  const ended: boolean[] = []
  const decider: ToolDecider = {
    async decide(tool, args, caller) {
      asked.push([tool, args, caller])
      return accessOf(mayRun(tool, caller))
    },
    allowed: async (tools, caller) => new Set(tools.filter((tool) => mayRun(tool, caller))),
    ended: (_access, failed) => void ended.push(failed),
  }
  return { guard: createMessageGuard({ decider, monotonicMs: () => 0, ...options }), asked, ended }
}

const call = (name: unknown, more: object = {}, id: string | number = 1): McpMessage => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, ...more },
})
const ALLOWED = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].find((name) => mayRun(name, undefined)) ?? ''
const DENIED = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].find((name) => !mayRun(name, undefined)) ?? ''

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
          const shown = (listing.result as { tools: { name: string }[] }).tools.map(({ name }) => name)
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
    expect(passage).toEqual({ forward: call(ALLOWED, { arguments: { a: 1 }, _meta: { x: 1 } }) })
    const answer = await guard.fromServer({ jsonrpc: '2.0', id: 1, result: { content: [], _meta: { own: 1 } } })
    expect(answer.result).toEqual({
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
    const cancelled = await guard.fromClient({ method: 'notifications/cancelled', params: { requestId: 1 } })
    decision.resolve(accessOf(true))
    expect([cancelled, await waiting]).toEqual([{ drop: true }, { drop: true }])
  })

  it('that runs is cancelled by the server', async () => {
    const { guard } = createWorld()
    await guard.fromClient(call(ALLOWED))
    const message = { method: 'notifications/cancelled', params: { requestId: 1 } }
    expect(await guard.fromClient(message)).toEqual({ forward: message })
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

describe('everything else', () => {
  it('passes as it is', async () => {
    const { guard } = createWorld()
    const ping = { jsonrpc: '2.0', id: 9, method: 'ping' }
    expect(await guard.fromClient(ping)).toEqual({ forward: { ...ping, params: undefined } })
    for (const message of [
      { id: 9, result: {} },
      { id: 5, method: 'sampling/createMessage' },
      { method: 'notifications/progress' },
    ]) {
      expect(await guard.fromServer(message)).toBe(message)
    }
    const answer = { id: 5, result: { role: 'user' } }
    expect(await guard.fromClient(answer)).toEqual({ forward: answer })
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
