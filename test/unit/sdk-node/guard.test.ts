import { inspect } from 'node:util'
import type { EvaluateToolAccessRequest } from '@capiscio/proto/core/v1'
import { DenyReason } from '@capiscio/proto/core/v1'
import {
  CallAbortedError,
  CoreConnectionError,
  CoreFaultError,
  CoreTimeoutError,
  CredentialError,
} from '@capiscio/proto/sdk'
import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest'
import { withAbortSignal } from '../../../sdk-node/src/abort-signal.ts'
import { withCredential } from '../../../sdk-node/src/credential.ts'
import { currentDecision } from '../../../sdk-node/src/current-decision.ts'
import { guard } from '../../../sdk-node/src/guard.ts'
import { GuardError } from '../../../sdk-node/src/guard-error.ts'
import { computeParamsHash } from '../../../sdk-node/src/params-hash.ts'
import { withServerOrigin } from '../../../sdk-node/src/server-origin.ts'
import { createScriptedClient } from '../../fakes/scripted-client.ts'
import type { ScriptedAnswer } from '../../fakes/scripted-core.ts'
import { allow, deny, hang } from '../../fakes/scripted-core.ts'

/** A decision that waits until it is released. */
function pendingDecision(): {
  script: (request: EvaluateToolAccessRequest) => Promise<ScriptedAnswer>
  release(): void
} {
  const gate = Promise.withResolvers<void>()
  return { script: (request) => gate.promise.then(() => allow(request)), release: gate.resolve }
}

describe('a guarded handler', () => {
  test('runs once after an ALLOW and gives its own result', async () => {
    const client = createScriptedClient()
    const handler = vi.fn(async (args: { query: string }) => `ran ${args.query}`)
    const read = guard({ tool: 'read_database', client }, handler)
    expect(await read({ query: 'select 1' })).toBe('ran select 1')
    expect(handler).toHaveBeenCalledTimes(1)
    expect(client.requests).toHaveLength(1)
    expect(client.requests[0]).toMatchObject({
      toolName: 'read_database',
      paramsHash: computeParamsHash({ query: 'select 1' }),
      sdk: '@capiscio/mcp/0.1.0',
      credential: { case: undefined },
      config: { minTrustLevel: 0, acceptLevelZero: false },
    })
  })

  test('throws its own errors', async () => {
    const failure = new Error('no such table')
    const read = guard({ tool: 'read', client: createScriptedClient() }, async () => {
      throw failure
    })
    await expect(read()).rejects.toBe(failure)
  })

  test('keeps this, name and length', async () => {
    const client = createScriptedClient()
    class Store {
      readonly table = 'users'
      readonly read = guard({ client }, async function readTable(this: Store, _args: object) {
        return this.table
      })
    }
    const store = new Store()
    expect(await store.read({})).toBe('users')
    expect([store.read.name, store.read.length]).toEqual(['readTable', 1])
    expect(client.requests[0]?.toolName).toBe('readTable')
  })

  test('has the type of its handler, with a promise where there was none', async () => {
    const client = createScriptedClient()
    const asynchronous = guard({ tool: 'a', client }, async (args: { n: number }, more: string) => `${args.n}${more}`)
    expectTypeOf(asynchronous).toEqualTypeOf<(args: { n: number }, more: string) => Promise<string>>()
    const synchronous = guard({ tool: 's', client }, (args: { n: number }) => args.n + 1)
    expectTypeOf(synchronous).toEqualTypeOf<(args: { n: number }) => Promise<number>>()
    expect(await asynchronous({ n: 1 }, 'x')).toBe('1x')
    expect(await synchronous({ n: 1 })).toBe(2)
  })

  test('is decided anew at every call', async () => {
    const client = createScriptedClient()
    const handler = vi.fn(async () => 1)
    const read = guard({ tool: 'read', client }, handler)
    await read()
    client.script = deny
    await expect(read()).rejects.toThrow(GuardError)
    client.script = allow
    await read()
    expect(handler).toHaveBeenCalledTimes(2)
    expect(client.requests).toHaveLength(3)
  })

  test('sends credential, origin and demands of its context', async () => {
    const client = createScriptedClient()
    const read = guard(
      { tool: 'read', minTrustLevel: 3, policyVersion: 'v1', enforcementMode: 'EM-GUARD', client },
      async () => 1,
    )
    await withServerOrigin('https://mcp.example', () => withCredential({ badge: async () => 'b1' }, () => read()))
    await withCredential({ apiKey: 'k1' }, () => read())
    expect(client.requests[0]).toMatchObject({
      serverOrigin: 'https://mcp.example',
      credential: { case: 'badgeJws', value: 'b1' },
      config: { minTrustLevel: 3 },
      policyVersion: 'v1',
      enforcementMode: 2,
    })
    expect(client.requests[1]?.credential).toEqual({ case: 'apiKey', value: 'k1' })
  })
})

describe('the handler does not run', () => {
  async function expectNotRun(
    script: (request: EvaluateToolAccessRequest) => ScriptedAnswer | Promise<ScriptedAnswer>,
    expected: abstract new (...args: never[]) => Error,
  ): Promise<unknown> {
    const handler = vi.fn(async () => 1)
    const read = guard({ tool: 'read', client: createScriptedClient(script), timeoutMs: 50 }, handler)
    const error = await read().then(
      () => expect.unreachable(),
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(expected)
    expect(handler).not.toHaveBeenCalled()
    return error
  }

  test('after a DENY, and the error tells everything about it', async () => {
    const error = await expectNotRun(
      (request) => deny(request, { evidenceId: 'e-1', principal: 'did:web:a.example', trustLevel: 1 }),
      GuardError,
    )
    expect(error).toMatchObject({
      name: 'GuardError',
      code: 'TOOL_TRUST_INSUFFICIENT',
      reason: 'TRUST_INSUFFICIENT',
      detail: 'The badge has level 1, the tool needs 2.',
      message: 'Tool "read" was denied: TOOL_TRUST_INSUFFICIENT. The badge has level 1, the tool needs 2.',
      tool: 'read',
      evidenceId: 'e-1',
      logOrigin: 'evidence.capiscio.local/0123456789abcdef',
      leafIndex: 7n,
      principal: 'did:web:a.example',
      trustLevel: 1,
      decision: { outcome: 'DENY', evidenceId: 'e-1' },
    })
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({
      code: 'TOOL_TRUST_INSUFFICIENT',
      leafIndex: '7',
      message: expect.any(String),
    })
  })

  test('after an ALLOW without a record, and the fault is the cause', async () => {
    const error = await expectNotRun((request) => allow(request, { evidenceId: '' }), GuardError)
    expect(error).toMatchObject({ code: 'INTERNAL', cause: expect.any(CoreFaultError) })
  })

  test('after an ALLOW for other arguments', async () => {
    await expectNotRun((request) => allow({ ...request, paramsHash: computeParamsHash({ other: 1 }) }), GuardError)
  })

  test('after an answer without a decision', async () => {
    await expectNotRun(() => ({ kind: 'decision', decision: undefined }), GuardError)
  })

  test('after a DENY because evidence cannot be written', async () => {
    const error = await expectNotRun(
      (request) =>
        deny(request, { reason: DenyReason.EVIDENCE_UNAVAILABLE, code: 'EVIDENCE_UNAVAILABLE', evidenceId: '' }),
      GuardError,
    )
    expect(error).toMatchObject({ code: 'EVIDENCE_UNAVAILABLE', evidenceId: undefined })
  })

  test('when the client throws what it should not', async () => {
    const error = await expectNotRun(() => {
      throw new Error('socket hang up')
    }, CoreFaultError)
    expect(error).toMatchObject({ message: expect.stringContaining('socket hang up') })
  })

  test('when the client reports that the core is away', async () => {
    await expectNotRun(() => {
      throw new CoreConnectionError('away')
    }, CoreConnectionError)
  })

  test('when the decision takes too long, also with a client that ignores the time', async () => {
    await expectNotRun(hang, CoreTimeoutError)
  })

  test('when an ALLOW comes after the time is over', async () => {
    const pending = pendingDecision()
    await expectNotRun(pending.script, CoreTimeoutError)
    const handler = vi.fn(async () => 1)
    const read = guard({ tool: 'read', client: createScriptedClient(pending.script), timeoutMs: 1 }, handler)
    const call = read()
    await expect(call).rejects.toThrow(CoreTimeoutError)
    pending.release()
    await new Promise((resolve) => setImmediate(resolve))
    expect(handler).not.toHaveBeenCalled()
  })

  test('when an argument is not JSON, and nothing is asked', async () => {
    const client = createScriptedClient()
    const handler = vi.fn(async (_args: unknown) => 1)
    const read = guard({ tool: 'read', client }, handler)
    await expect(read({ when: new Date() })).rejects.toThrow(TypeError)
    expect(client.requests).toHaveLength(0)
    expect(handler).not.toHaveBeenCalled()
  })

  test.each<[what: string, badge: () => unknown]>([
    ['gives nothing', () => undefined],
    ['fails', () => Promise.reject(new Error('no badge today'))],
  ])('when the badge callback %s, and nothing is asked', async (_what, badge) => {
    const client = createScriptedClient()
    const handler = vi.fn(async () => 1)
    const read = guard({ tool: 'read', client }, handler)
    await expect(withCredential({ badge: badge as () => string }, () => read())).rejects.toThrow(CredentialError)
    expect(client.requests).toHaveLength(0)
    expect(handler).not.toHaveBeenCalled()
  })

  test('when the badge callback takes too long', async () => {
    const handler = vi.fn(async () => 1)
    const read = guard({ tool: 'read', client: createScriptedClient(), timeoutMs: 20 }, handler)
    const call = withCredential({ badge: () => new Promise<string>(() => {}) }, () => read())
    await expect(call).rejects.toThrow(CoreTimeoutError)
    expect(handler).not.toHaveBeenCalled()
  })

  test('when the signal option gives something else than a signal', async () => {
    const client = createScriptedClient()
    const handler = vi.fn(async () => 1)
    const read = guard({ tool: 'read', client, signal: () => ({ aborted: false }) as AbortSignal }, handler)
    await expect(read()).rejects.toThrow(TypeError)
    expect(client.requests).toHaveLength(0)
    expect(handler).not.toHaveBeenCalled()
  })
})

describe('what is decided is what runs', () => {
  test('although the caller changes the object while the decision is pending', async () => {
    const pending = pendingDecision()
    const client = createScriptedClient(pending.script)
    const ran: unknown[] = []
    const read = guard({ tool: 'read', client }, async (args: { query: string; tables: string[] }) => {
      ran.push(structuredClone(args))
      await Promise.resolve()
      ran.push(structuredClone(args))
    })
    const args = { query: 'select 1', tables: ['a'] }
    const call = read(args)
    args.query = 'drop table users'
    args.tables.push('b')
    pending.release()
    await call
    expect(ran).toEqual([
      { query: 'select 1', tables: ['a'] },
      { query: 'select 1', tables: ['a'] },
    ])
    expect(client.requests[0]?.paramsHash).toBe(computeParamsHash({ query: 'select 1', tables: ['a'] }))
  })

  test('although the object answers differently each time it is read', async () => {
    const client = createScriptedClient()
    let reads = 0
    const args = {
      get query() {
        reads += 1
        return reads === 1 ? 'select 1' : 'drop table users'
      },
    }
    const read = guard({ tool: 'read', client }, async ({ query }: { query: string }) => query)
    expect(await read(args)).toBe('select 1')
    expect(client.requests[0]?.paramsHash).toBe(computeParamsHash({ query: 'select 1' }))
  })

  test('for an MCP handler, whose context is passed through and not hashed', async () => {
    const pending = pendingDecision()
    const client = createScriptedClient(pending.script)
    const context = { mcpReq: { signal: new AbortController().signal, log: () => {} } }
    const read = guard(
      { tool: 'read', params: (args) => args, signal: (_args, ctx) => ctx.mcpReq.signal, client },
      async (args: { query: string }, ctx: typeof context) => [args.query, ctx],
    )
    const args = { query: 'select 1' }
    const call = read(args, context)
    args.query = 'drop table users'
    pending.release()
    const [query, ctx] = await call
    expect(query).toBe('select 1')
    expect(ctx).toBe(context)
    expect(client.requests[0]?.paramsHash).toBe(computeParamsHash({ query: 'select 1' }))
  })

  test('for an MCP handler without arguments', async () => {
    const client = createScriptedClient()
    const list = guard({ tool: 'list', params: () => undefined, client }, async (ctx: { id: () => number }) => ctx.id())
    expect(await list({ id: () => 7 })).toBe(7)
    expect(client.requests[0]?.paramsHash).toBe(computeParamsHash({}))
  })

  test('for positional arguments', async () => {
    const client = createScriptedClient()
    const add = guard({ tool: 'add', client }, async (a: number, b: number) => a + b)
    expect(await add(1, 2)).toBe(3)
    expect(client.requests[0]?.paramsHash).toBe(computeParamsHash({ args: [1, 2] }))
  })

  test('or nothing runs, when a selector makes up its own value', async () => {
    const client = createScriptedClient()
    const handler = vi.fn(async (_args: { query: string }) => 1)
    const read = guard({ tool: 'read', params: () => ({ query: 'harmless' }), client }, handler)
    await expect(read({ query: 'drop table users' })).rejects.toThrow(TypeError)
    expect(client.requests).toHaveLength(0)
    expect(handler).not.toHaveBeenCalled()
  })

  test('under the credential of the moment of the call', async () => {
    const client = createScriptedClient()
    const read = guard({ tool: 'read', client }, async () => 1)
    await withCredential({ apiKey: 'first' }, async () => {
      const call = read()
      await withCredential({ apiKey: 'second' }, () => call)
    })
    expect(client.requests[0]?.credential.value).toBe('first')
  })
})

describe('an aborted call', () => {
  test('asks nothing when it was aborted before', async () => {
    const client = createScriptedClient()
    const handler = vi.fn(async () => 1)
    const read = guard({ tool: 'read', client }, handler)
    const error = await withAbortSignal(AbortSignal.abort('user left'), () => read()).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(CallAbortedError)
    expect(error).toMatchObject({ name: 'AbortError', code: 'CALL_ABORTED', cause: 'user left', evidenceId: undefined })
    expect(client.requests).toHaveLength(0)
    expect(handler).not.toHaveBeenCalled()
  })

  test('does not wait for the decision, and drops it', async () => {
    const pending = pendingDecision()
    const client = createScriptedClient(pending.script)
    const handler = vi.fn(async () => 1)
    const read = guard({ tool: 'read', client }, handler)
    const controller = new AbortController()
    const call = withAbortSignal(controller.signal, () => read())
    await vi.waitFor(() => expect(client.requests).toHaveLength(1))
    controller.abort()
    await expect(call).rejects.toThrow(CallAbortedError)
    pending.release()
    await new Promise((resolve) => setImmediate(resolve))
    expect(handler).not.toHaveBeenCalled()
    expect(client.options[0]?.signal?.aborted).toBe(true)
  })

  test('does not start the handler when the abort comes together with the ALLOW', async () => {
    const controller = new AbortController()
    const client = createScriptedClient((request) => {
      // After the answer has left the client and before the guard looks at it.
      queueMicrotask(() => queueMicrotask(() => controller.abort('late')))
      return allow(request, { evidenceId: 'e-1' })
    })
    const handler = vi.fn(async () => 1)
    const read = guard({ tool: 'read', client, signal: () => controller.signal }, handler)
    await expect(read()).rejects.toMatchObject({ name: 'AbortError', cause: 'late' })
    expect(handler).not.toHaveBeenCalled()
  })

  test('is not started at any moment of a decision', async () => {
    // Abort after n microtasks: whatever step is under way, either it is rejected, or the handler began before.
    for (let turns = 0; turns < 40; turns += 1) {
      const controller = new AbortController()
      let abortedAtStart: boolean | undefined
      const read = guard(
        { tool: 'read', client: createScriptedClient(), signal: () => controller.signal },
        async () => {
          abortedAtStart = controller.signal.aborted
        },
      )
      const call = read().then(
        () => 'ran',
        (error: unknown) => error,
      )
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
      controller.abort()
      const result = await call
      if (result === 'ran') expect(abortedAtStart).toBe(false)
      else {
        expect(result).toBeInstanceOf(CallAbortedError)
        expect(abortedAtStart).toBeUndefined()
      }
    }
  })

  test('tells the evidence id of an ALLOW that was not used', async () => {
    const client = createScriptedClient((request) => allow(request, { evidenceId: 'e-9' }))
    const seen = new Set<unknown>()
    for (let turns = 0; turns < 40; turns += 1) {
      const one = new AbortController()
      const read = guard({ tool: 'read', client, signal: () => one.signal }, async () => 1)
      const call = read().catch((error: unknown) => seen.add(Reflect.get(error as object, 'evidenceId')))
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
      one.abort()
      await call
    }
    expect(seen.has('e-9')).toBe(true)
  })

  test('by either of two signals', async () => {
    const ambient = new AbortController()
    const own = new AbortController()
    const read = guard({ tool: 'read', client: createScriptedClient(hang), signal: () => own.signal }, async () => 1)
    const first = withAbortSignal(ambient.signal, () => read())
    const second = withAbortSignal(new AbortController().signal, () => read())
    ambient.abort()
    await expect(first).rejects.toThrow(CallAbortedError)
    own.abort()
    await expect(second).rejects.toThrow(CallAbortedError)
  })

  test('by an outer signal also inside another, and undefined takes nothing away', async () => {
    for (const inner of [new AbortController().signal, undefined]) {
      const outer = new AbortController()
      const read = guard({ tool: 'read', client: createScriptedClient(hang), timeoutMs: 2_000 }, async () => 1)
      const call = withAbortSignal(outer.signal, () => withAbortSignal(inner, () => read()))
      outer.abort()
      await expect(call).rejects.toThrow(CallAbortedError)
    }
  })

  test('leaves no listener on a signal that lives on', async () => {
    const controller = new AbortController()
    const add = vi.spyOn(controller.signal, 'addEventListener')
    const remove = vi.spyOn(controller.signal, 'removeEventListener')
    const read = guard({ tool: 'read', client: createScriptedClient(), signal: () => controller.signal }, async () => 1)
    await withCredential({ badge: 'b' }, () => read())
    expect(add.mock.calls.length).toBeGreaterThan(0)
    expect(remove.mock.calls.length).toBeGreaterThanOrEqual(add.mock.calls.length)
  })

  test('does not stop a handler that runs', async () => {
    const controller = new AbortController()
    const read = guard({ tool: 'read', client: createScriptedClient(), signal: () => controller.signal }, async () => {
      controller.abort()
      return 'finished'
    })
    expect(await read()).toBe('finished')
  })
})

describe('the decision of a handler', () => {
  test('can be read inside it, across awaits, and nowhere else', async () => {
    const client = createScriptedClient((request) => allow(request, { evidenceId: `e-${request.toolName}` }))
    const read = guard({ tool: 'inner', client }, async () => currentDecision()?.evidenceId)
    const outer = guard({ tool: 'outer', client }, async () => {
      const before = currentDecision()?.evidenceId
      const inner = await read()
      return [before, inner, currentDecision()?.evidenceId]
    })
    expect(await outer()).toEqual(['e-outer', 'e-inner', 'e-outer'])
    expect(currentDecision()).toBeUndefined()
  })
})

describe('100 concurrent calls', () => {
  test('each are decided with their own credential, arguments and decision', async () => {
    const client = createScriptedClient(async (request) => {
      const turns = Number(request.credential.value?.slice(4)) % 11
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
      return allow(request, {
        evidenceId: `e-${request.credential.value}`,
        principal: `apikey:${request.credential.value}`,
      })
    })
    const read = guard({ tool: 'read', client }, async ({ n }: { n: number }) => {
      await Promise.resolve()
      return [n, currentDecision()?.principal]
    })
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, n) => withCredential({ badge: async () => `key-${n}` }, () => read({ n }))),
    )
    expect(results).toEqual(Array.from({ length: 100 }, (_, n) => [n, `apikey:key-${n}`]))
    const hashes = new Map(client.requests.map((request) => [request.credential.value, request.paramsHash]))
    for (let n = 0; n < 100; n += 1) expect(hashes.get(`key-${n}`)).toBe(computeParamsHash({ n }))
  })
})

describe('secrets', () => {
  afterEach(() => vi.unstubAllEnvs())

  test.each<[what: string, script: (request: EvaluateToolAccessRequest) => ScriptedAnswer]>([
    ['a denial that quotes it', (request) => deny(request, { message: `bad ${request.credential.value}` })],
    [
      'a faulty answer that quotes it',
      (request) => allow(request, { evidenceId: '', message: `${request.credential.value}` }),
    ],
    [
      'a client that quotes the request',
      (request) => {
        throw new Error(`failed for ${request.credential.value}`, { cause: request })
      },
    ],
  ])('are absent from the error after %s', async (_what, script) => {
    const secret = 'canary-secret-0001'
    const read = guard({ tool: 'read', client: createScriptedClient(script) }, async () => 1)
    for (const credential of [{ apiKey: secret }, { badge: secret }, { badge: () => secret }]) {
      const error = await withCredential(credential, () => read()).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(Error)
      expect(inspect(error, { depth: 9, showHidden: true, getters: true })).not.toContain(secret)
      expect(JSON.stringify(error)).not.toContain(secret)
    }
  })
})
