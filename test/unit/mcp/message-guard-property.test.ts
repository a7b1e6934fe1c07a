import type { AllowedToolAccess } from '@capiscio/proto/sdk'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMessageGuard } from '../../../core/src/mcp/message-guard.ts'

// Whatever a client sends, a server sees no tool call that was not decided, however leniently it reads.

const KEYS = [
  'jsonrpc',
  'id',
  'method',
  'params',
  'result',
  'error',
  'Method',
  'PARAMS',
  'ｍethod',
  ' id',
  '__proto__',
  'x',
]
const PARAMS = [
  'name',
  'arguments',
  '_meta',
  'Name',
  'ARGUMENTS',
  'ｎame',
  'name ',
  'name\0',
  '__proto__',
  'task',
  'requestId',
]

const method = fc.oneof(
  { arbitrary: fc.constantFrom('tools/call', 'tools/list'), weight: 3 },
  fc.constantFrom(
    'Tools/Call',
    ' tools/call',
    'tools/call\n',
    'ｔools/call',
    'TOOLS/LIST',
    'tools/call\0',
    'tools\u200b/list',
  ),
  fc.constantFrom('ping', 'notifications/cancelled', 'notifications/x', 'initialize', ''),
)
const toolName = fc.oneof(fc.constant('open'), fc.constantFrom('guarded', '', 'open\ud800', 'open\0', '__proto__'))
const id = fc.oneof(
  { arbitrary: fc.nat(9), weight: 2 },
  fc.constantFrom<unknown>('1', '1.0', -1, 1.5, 1e300, '', null, true, {}, [1]),
)
const scalar = fc.constantFrom<unknown>(null, true, 0, 'open', 'guarded', 'tools/call', '')

const dictionary = (keys: readonly string[], value: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> =>
  fc.array(fc.tuple(fc.constantFrom(...keys), value), { maxLength: 6 }).map((entries) => Object.fromEntries(entries))

const params = dictionary(PARAMS, fc.oneof(toolName, scalar, dictionary(PARAMS, scalar)))
const likely = fc.record(
  {
    jsonrpc: fc.constant('2.0'),
    id,
    method,
    params: fc.oneof(params, fc.record({ name: toolName, arguments: params })),
  },
  { requiredKeys: ['method'] },
)
const anything = dictionary(KEYS, fc.oneof(method, id, scalar, params))
const message = fc.oneof(
  { arbitrary: likely, weight: 3 },
  fc.tuple(likely, anything).map(([base, more]) => ({ ...more, ...base })),
  anything,
)

/** As readers compare that know no case, no width, no blanks, or end a text at NUL. */
const fold = (name: string): string =>
  (name.normalize('NFKC').split('\0', 1)[0] ?? '').replace(/[\s\u200b]/g, '').toLowerCase()

/** All values of a member, as every reader there is may find it. */
function read(value: unknown, name: string): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, found]) => (fold(key) === name ? [found] : []))
}

/** Tools that the most lenient of servers would run on a message. */
function runs({ ...parsed }: object): string[] {
  const isCall = read(parsed, 'method').some((found) => typeof found === 'string' && fold(found) === 'tools/call')
  return isCall
    ? read(parsed, 'params').flatMap((found) => read(found, 'name').map((name) => String(name).split('\0', 1)[0] ?? ''))
    : []
}

const isListing = (parsed: object): boolean =>
  read(parsed, 'method').some((found) => typeof found === 'string' && fold(found) === 'tools/list')

/** Allows the tool `open` and no other; `decided` gets what it was asked. */
function guardOf(decided: [string, unknown][] = []) {
  return createMessageGuard({
    decider: {
      async decide(tool, args) {
        decided.push([tool, args])
        const outcome = tool === 'open' ? 'ALLOW' : 'DENY'
        return { outcome, code: 'X', reason: 'X', message: '' } as never as AllowedToolAccess
      },
      principal: async () => undefined,
      allowed: async () => new Set(['open']),
      ended: () => undefined,
      proof: async () => undefined,
    },
    disclose: async () => ({ serverDid: 'did:web:own.example' }),
    monotonicMs: () => 0,
  })
}

const result = dictionary(
  ['tools', 'content', 'isError', '_meta', 'ttlMs', 'nextCursor', '__proto__'],
  fc.oneof(
    scalar,
    fc.constant([{ name: 'guarded' }, { name: 'open' }, { name: 7 }, 'guarded', null]),
    dictionary(['capiscio_server_did', 'io.capisc/server-badge', 'x'], scalar),
  ),
)
const reply = fc.record(
  { id, result: fc.oneof(result, scalar, fc.constant([])), error: fc.oneof(scalar, fc.constant({ code: 1 })) },
  { requiredKeys: ['id'] },
)

describe('createMessageGuard', () => {
  it('forwards a call as it was decided and nothing else that could be one', async () => {
    let calls = 0
    let listings = 0
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 6 }), async (messages) => {
        const decided: [string, unknown][] = []
        const guard = guardOf(decided)
        for (const sent of messages) {
          decided.length = 0
          const text = JSON.stringify(sent)
          const passage = await guard.fromClient(JSON.parse(text))
          if (!('forward' in passage)) continue
          const forwarded = JSON.parse(JSON.stringify(passage.forward))
          const ran = runs(forwarded)
          expect(ran).toEqual(decided.map(([tool]) => tool))
          expect(ran.every((tool) => tool === 'open')).toBe(true)
          if (ran.length > 0) expect(forwarded.params.arguments).toEqual(decided[0]?.[1])
          calls += ran.length
          if (!isListing(forwarded)) continue
          // Whoever answers it, in whatever form, shows the allowed ones only.
          listings += 1
          for (const answerId of [forwarded.id, String(forwarded.id), Number(forwarded.id)]) {
            const answer = { jsonrpc: '2.0', id: answerId, result: { tools: [{ name: 'guarded' }, { name: 'open' }] } }
            expect(JSON.stringify((await guard.fromServer(answer))?.result ?? null)).not.toContain('guarded')
          }
        }
      }),
      { numRuns: 2000 },
    )
    // The property is about something.
    expect(calls).toBeGreaterThan(20)
    expect(listings).toBeGreaterThan(20)
  })

  it('answers each request at most once, whatever its server says', async () => {
    let answers = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(method, { minLength: 1, maxLength: 10 }),
        fc.array(fc.oneof({ arbitrary: reply, weight: 3 }, message), { maxLength: 10 }),
        async (methods, said) => {
          const guard = guardOf()
          const waiting = new Map<unknown, string>()
          for (const [id, name] of methods.entries()) {
            const request = { jsonrpc: '2.0', id, method: name, params: { name: 'open' } }
            if ('forward' in (await guard.fromClient(request))) waiting.set(id, name)
          }
          for (const line of said) {
            const passed = await guard.fromServer(JSON.parse(JSON.stringify(line)))
            if (passed === undefined || passed.method !== undefined || passed.id === null) continue
            answers += 1
            expect(waiting.has(passed.id)).toBe(true)
            const { tools } = (passed.result ?? {}) as { tools?: unknown }
            if (waiting.get(passed.id) === 'tools/list')
              expect([undefined, [], [{ name: 'open' }]]).toContainEqual(tools)
            waiting.delete(passed.id)
          }
        },
      ),
      { numRuns: 1000 },
    )
    expect(answers).toBeGreaterThan(20)
  })
})
