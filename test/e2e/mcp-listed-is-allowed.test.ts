import { join } from 'node:path'
import { InMemoryTransport as MemoryV2 } from '@modelcontextprotocol/client'
import { Server } from '@modelcontextprotocol/server'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { createCoreClient, credentialToMeta, type GuardConfig, protectServer } from '../../sdk-node/src/index.ts'
import { type McpWorld, openMcpWorld } from '../tools/mcp-world.ts'
import { startServe } from '../tools/serve-process.ts'
import { converse } from '../tools/wrapped-puppet.ts'

// A listing promises exactly what a call may do: no tool that would be denied, and none left out.

const WORDS = ['read', 'write', 'drop', 'file', 'row', 'users', '__proto__', 'constructor', 'é', '*']

const toolName = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 3 }).map((words) => words.join('_'))
const pattern = fc.oneof(
  toolName,
  fc.constantFrom(...WORDS).map((word) => `${word}_*`),
  fc.constantFrom(...WORDS).map((word) => `*_${word}`),
  fc.constant('*'),
)
const level = fc.integer({ min: 0, max: 4 }) as fc.Arbitrary<0 | 1 | 2 | 3 | 4>
const ISSUERS = ['https://registry.capiscio.invalid', 'https://other.example']

const sometimes = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })

const demands = fc.record({
  minTrustLevel: level,
  minIal: sometimes(fc.constantFrom(0, 1)),
  requireBadge: sometimes(fc.constant(true)),
  issuers: sometimes(fc.subarray(ISSUERS, { minLength: 1 })),
})

const match = fc.array(pattern, { minLength: 1, maxLength: 3 })
const rule = fc.oneof(
  { arbitrary: fc.tuple(match, demands).map(([names, rest]) => ({ match: names, ...rest })), weight: 3 },
  { arbitrary: match.map((names) => ({ match: names, deny: true })), weight: 1 },
)

const policy = fc.record({
  version: fc.constant(1),
  default: fc.option(demands, { nil: undefined, freq: 5 }),
  tools: fc.array(rule, { maxLength: 5 }),
})

const guardConfig: fc.Arbitrary<GuardConfig> = fc.record({
  minTrustLevel: sometimes(level),
  requireBadge: sometimes(fc.boolean()),
  acceptLevelZero: sometimes(fc.boolean()),
  allowedTools: sometimes(fc.array(pattern, { minLength: 1, maxLength: 2 })),
  trustedIssuers: sometimes(fc.subarray(ISSUERS, { minLength: 1 })),
}) as fc.Arbitrary<GuardConfig>

/** Every kind of caller that there is, as `_meta` of its requests. */
function callersOf({ badges, apiKey }: McpWorld): object[] {
  const [low, middle] = badges
  return [
    {},
    credentialToMeta({ apiKey }),
    credentialToMeta({ apiKey: `${apiKey}x` }),
    ...badges.map((badge) => credentialToMeta({ badge })),
    credentialToMeta({ badge: `${low}x` }),
    { capiscio_caller_badge: low, 'io.capisc/caller-badge': middle },
  ]
}

type Answer = { readonly _meta?: Record<string, unknown> | undefined }
const isDenied = ({ _meta }: Answer): boolean => _meta !== undefined && 'io.capisc/denial' in _meta

describe('what is listed to a caller is what it may run', () => {
  it('through protectServer, under any policy and any demands of the server', async () => {
    const offered = fc.uniqueArray(toolName, { minLength: 1, maxLength: 8 })
    const own = fc.array(guardConfig, { minLength: 8, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(policy, offered, own, sometimes(guardConfig), async (rules, names, configs, defaults) => {
        await using world = await openMcpWorld(stringify(JSON.parse(JSON.stringify(rules))))
        const tools = Object.fromEntries(names.map((name, index) => [name, configs[index] ?? {}]).slice(0, 4))
        const options = { client: world.core, tools, ...(defaults && { defaults }) }
        // The plain server: it takes any names, as those of gateways do.
        const server = protectServer(new Server({ name: 's', version: '1' }, { capabilities: { tools: {} } }), options)
        const ran: string[] = []
        server.setRequestHandler('tools/list', () => ({
          tools: names.map((name) => ({ name, inputSchema: { type: 'object' as const } })),
        }))
        server.setRequestHandler('tools/call', ({ params }) => {
          ran.push(params.name)
          return { content: [] }
        })
        const [mine, theirs] = MemoryV2.createLinkedPair()
        await server.connect(theirs)
        const ask = rawClient(mine)
        for (const _meta of callersOf(world)) {
          const listing = (await ask('tools/list', { _meta })) as { tools: { name: string }[] }
          ran.length = 0
          const answers = await Promise.all(
            names.map(async (name) => {
              const answer = (await ask('tools/call', { name, arguments: {}, _meta })) as Answer
              return isDenied(answer) ? [] : [name]
            }),
          )
          expect(ran.toSorted()).toEqual(answers.flat().toSorted())
          expect(listing.tools.map(({ name }) => name).toSorted()).toEqual(ran.toSorted())
        }
        await server.close()
      }),
      { numRuns: 12 },
    )
  })
})

describe('what is listed to a caller is what it may run, asked of a core over gRPC', () => {
  it('for all callers at once, none of whom gets the answer of another', async () => {
    await using world = await openMcpWorld(SAMPLE)
    await using core = await startServe(['--config', join(world.folder, 'capiscio.yaml')])
    await using client = createCoreClient({ address: core.addresses.tcp })
    const names = ['read_1', 'write_1', 'admin_1', 'drop_1', 'other', 'guarded']
    const options = { client, tools: { guarded: { minTrustLevel: 3 }, other: { requireBadge: true } } } as const
    const server = protectServer(new Server({ name: 's', version: '1' }, { capabilities: { tools: {} } }), options)
    server.setRequestHandler('tools/list', () => ({
      tools: names.map((name) => ({ name, inputSchema: { type: 'object' as const } })),
    }))
    server.setRequestHandler('tools/call', () => ({ content: [] }))
    const [mine, theirs] = MemoryV2.createLinkedPair()
    await server.connect(theirs)
    const ask = rawClient(mine)
    const rounds = Array.from({ length: 5 }, () => callersOf(world)).flat()
    const seen = await Promise.all(
      rounds.map(async (_meta) => {
        const [listing, ...answers] = await Promise.all([
          ask('tools/list', { _meta }) as Promise<{ tools: { name: string }[] }>,
          ...names.map((name) => ask('tools/call', { name, arguments: {}, _meta }) as Promise<Answer>),
        ])
        const ran = names.filter((_, index) => !isDenied(answers[index] ?? {}))
        expect(listing.tools.map(({ name }) => name)).toEqual(ran)
        return ran.length
      }),
    )
    // Nobody, a key, a wrong key, levels 1 to 4, a forged badge, two badges.
    expect(seen).toEqual(Array(5).fill([0, 0, 0, 2, 3, 4, 5, 0, 0]).flat())
    await server.close()
  })
})

/** Asks without an SDK, whose checks would know some tools by their listing. */
function rawClient(transport: MemoryV2) {
  const waiting = new Map<unknown, (result: unknown) => void>()
  let last = 0
  transport.onmessage = (message) => {
    const { id, result } = message as { id?: unknown; result?: unknown }
    waiting.get(id)?.(result)
  }
  return (method: string, params: object): Promise<unknown> => {
    last += 1
    const { promise, resolve } = Promise.withResolvers<unknown>()
    waiting.set(last, resolve)
    return transport.send({ jsonrpc: '2.0', id: last, method, params } as never).then(() => promise)
  }
}

describe('what is listed to a caller is what it may run, behind the wrapper', () => {
  it('for a listing of more tools than one question holds, and with names that no call can carry', async () => {
    await using world = await openMcpWorld(SAMPLE)
    const talk = converse(world)
    const names = ['read', 'write', 'admin', 'drop'].flatMap((verb) =>
      Array.from({ length: 275 }, (_, index) => `${verb}_${index}`),
    )
    const odd = ['', 'x'.repeat(1025), '__proto__', 'constructor', 'read_é', 'read_*', '*']
    const offered = [...names, ...odd]
    expect(offered.length).toBeGreaterThan(1024)
    let id = 0
    const sizes: number[] = []
    for (const _meta of callersOf(world)) {
      talk.forget()
      id += 1
      talk.send({ jsonrpc: '2.0', id, method: 'tools/list', params: { _meta } })
      await talk.settled()
      talk.say({ jsonrpc: '2.0', id, result: { tools: offered.map((name) => ({ name })) } })
      await talk.settled()
      const [listing] = talk.got() as { result: { tools: { name: string }[] } }[]
      talk.forget()
      // Some of each kind, and all odd ones.
      const tried = offered.filter((_, index) => index % 25 === 0 || index >= names.length)
      const first = id + 1
      id += tried.length
      talk.send(
        ...tried.map((name, index) => ({
          jsonrpc: '2.0',
          id: first + index,
          method: 'tools/call',
          params: { name, arguments: {}, _meta },
        })),
      )
      await expect.poll(() => talk.got().length + talk.reached().length, { timeout: 20_000 }).toBe(tried.length)
      const ran = talk.reached().map(({ params }) => (params as { name: string }).name)
      const listed = listing?.result.tools.map(({ name }) => name) ?? []
      expect(listed.filter((name) => tried.includes(name)).toSorted()).toEqual(ran.toSorted())
      sizes.push(listed.length)
    }
    expect(await talk.close()).toBe(0)
    // Nobody, a key, a wrong key, levels 1 to 4, a forged badge, two badges: of 1105 names that calls can carry.
    expect(sizes).toEqual([3, 3, 0, 280, 555, 555, 830, 0, 0])
  })
})

const SAMPLE = `version: 1
default: { minTrustLevel: 0 }
tools:
  - match: ["read_*"]
    minTrustLevel: 1
  - match: ["write_*"]
    minTrustLevel: 2
  - match: ["admin_*"]
    minTrustLevel: 4
    requireBadge: true
  - match: ["drop_*"]
    deny: true
`
