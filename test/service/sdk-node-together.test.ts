import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import type { DescMessage, DescMethodBiDiStreaming } from '@bufbuild/protobuf'
import { readEvidenceLogs } from '@capiscio/core'
import type { EvaluateToolAccessRequest } from '@capiscio/proto/core/v1'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseCoreAddress } from '../../sdk-node/src/core-address.ts'
import { clientOver } from '../../sdk-node/src/core-client.ts'
import type { CoreClient, CredentialInput, GuardConfig, ToolAccess } from '../../sdk-node/src/index.ts'
import {
  CallAbortedError,
  type CapiscioError,
  CoreAccessError,
  CoreConnectionError,
  CoreFaultError,
  CoreTimeoutError,
  createCoreClient,
  evaluateToolAccess,
  guard,
  InvalidRequestError,
} from '../../sdk-node/src/index.ts'
import type { CoreTransport, StreamEvents } from '../../sdk-node/src/transport.ts'
import { createTransport } from '../../sdk-node/src/transport.ts'
import { allow, deny, hang, refuse, type ScriptedAnswer, startScriptedCore } from '../fakes/scripted-core.ts'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'
import { startServe } from '../tools/serve-process.ts'

interface AskOptions {
  readonly badge?: string
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

function ask(client: CoreClient, tool: string, { badge, ...limits }: AskOptions = {}): Promise<ToolAccess> {
  return evaluateToolAccess(
    tool,
    { tool },
    { credential: badge === undefined ? undefined : { badge }, client, ...limits },
  )
}

const errorOf = (call: Promise<unknown>): Promise<CapiscioError & Record<string, unknown>> =>
  call.then(
    () => expect.unreachable('the call must be rejected'),
    (error) => error,
  )

const tools = (count: number): string[] => Array.from({ length: count }, (_, index) => `tool-${index}`)

describe.each(['tcp', 'unix'] as const)('decisions that wait together, over %s', (over) => {
  test('go in few messages on one stream, and each caller gets the decision on its own tool', async () => {
    const gates = new Map<string, () => void>()
    await using core = await startScriptedCore(
      (request) => new Promise((resolve) => gates.set(request.toolName, () => resolve(allow(request)))),
      { over },
    )
    await using client = createCoreClient({ address: core.address })
    const asked = tools(100).map(async (tool) => ({ tool, access: await ask(client, tool) }))
    await vi.waitFor(() => expect(gates.size).toBe(100))
    expect([core.alone(), core.streams().opened]).toEqual([1, 1])
    expect(core.messages.length).toBeLessThan(10)
    // Answers in the opposite order.
    for (const answer of [...gates.values()].reverse()) answer()
    for (const { tool, access } of await Promise.all(asked)) {
      expect(access.outcome).toBe('ALLOW')
      expect(JSON.parse(access.evidenceJson ?? '')).toMatchObject({ 'capiscio.target': tool })
    }
    expect(core.requests.map(({ toolName }) => toolName).sort()).toEqual(tools(100).sort())
  })

  test('leave no stream behind', async () => {
    await using core = await startScriptedCore(allow, { over })
    await using client = createCoreClient({ address: core.address })
    await Promise.all(tools(10).map((tool) => ask(client, tool)))
    await vi.waitFor(() => expect(core.streams()).toEqual({ opened: 1, open: 0 }))
    await ask(client, 'lone')
    expect([core.alone(), core.streams().opened]).toEqual([2, 1])
    await Promise.all(tools(10).map((tool) => ask(client, tool)))
    await client[Symbol.asyncDispose]()
    await vi.waitFor(() => expect(core.streams()).toEqual({ opened: 2, open: 0 }))
  })
})

describe('on a stream', () => {
  const SECRET = 'canary-badge-of-nobody'

  /** The first goes alone and stays; everything else goes together. */
  async function answered(script: (request: EvaluateToolAccessRequest) => ScriptedAnswer | Promise<ScriptedAnswer>) {
    const core = await startScriptedCore((request) => (request.toolName === 'busy' ? hang() : script(request)))
    const client = createCoreClient({ address: core.address })
    const busy = new AbortController()
    const first = errorOf(ask(client, 'busy', { signal: busy.signal }))
    await vi.waitFor(() => expect(core.requests).toHaveLength(1))
    return {
      core,
      client,
      async [Symbol.asyncDispose]() {
        expect(core.alone()).toBe(1)
        busy.abort()
        await first
        await client[Symbol.asyncDispose]()
        await core[Symbol.asyncDispose]()
      },
    }
  }

  test('an ALLOW without its evidence, or for another call, is a denial', async () => {
    await using world = await answered((request) => {
      if (request.toolName === 'no-evidence') return allow(request, { evidenceId: '' })
      if (request.toolName === 'no-decision') return { kind: 'decision', decision: undefined }
      if (request.toolName === 'other') return allow({ ...request, toolName: 'drop_table' })
      return allow(request)
    })
    const handler = vi.fn(async () => 1)
    const denied = ['no-evidence', 'no-decision', 'other'].map((tool) =>
      errorOf(guard({ tool, client: world.client }, handler)()),
    )
    const good = ask(world.client, 'good')
    for (const error of await Promise.all(denied)) {
      expect(error).toMatchObject({ name: 'GuardError', code: 'INTERNAL' })
      expect(error.cause).toBeInstanceOf(CoreFaultError)
    }
    expect(handler).not.toHaveBeenCalled()
    expect((await good).outcome).toBe('ALLOW')
  })

  test('a refusal is its own error, without the credential, and harms nobody', async () => {
    const fieldViolations = [{ field: 'tool_name', description: `must not hold ${SECRET}` }]
    await using world = await answered((request) =>
      request.toolName === 'bad'
        ? refuse(status.INVALID_ARGUMENT, `not ${SECRET}`, { fieldViolations })
        : deny(request),
    )
    const [bad, other] = [errorOf(ask(world.client, 'bad', { badge: SECRET })), ask(world.client, 'other')]
    expect(await bad).toBeInstanceOf(InvalidRequestError)
    expect((await bad).fieldViolations).toEqual([{ field: 'tool_name', description: 'must not hold [redacted]' }])
    expect(inspect(await bad, { depth: 9, showHidden: true, getters: true })).not.toContain(SECRET)
    expect((await other).outcome).toBe('DENY')
  })

  test('a question that is aborted or late is given up alone, and the core is told', async () => {
    await using world = await answered((request) => (request.toolName === 'good' ? allow(request) : hang()))
    const controller = new AbortController()
    const aborted = errorOf(ask(world.client, 'aborted', { signal: controller.signal }))
    const late = errorOf(ask(world.client, 'late', { timeoutMs: 60 }))
    await vi.waitFor(() => expect(world.core.requests).toHaveLength(3))
    controller.abort('user left')
    expect(await aborted).toBeInstanceOf(CallAbortedError)
    expect((await aborted).cause).toBe('user left')
    expect(await late).toBeInstanceOf(CoreTimeoutError)
    await vi.waitFor(() => expect(world.core.cancelled()).toBe(2))
    expect((await ask(world.client, 'good')).outcome).toBe('ALLOW')
  })

  test('bytes that are no answer are a fault of the core for all on it, and for none after', async () => {
    await using world = await answered((request) =>
      request.toolName === 'garbage' ? { kind: 'bytes', bytes: Uint8Array.of(0xff, 0xff) } : hang(),
    )
    const asked = ['patient', 'garbage'].map((tool) => errorOf(ask(world.client, tool)))
    for (const error of await Promise.all(asked)) expect(error).toBeInstanceOf(CoreFaultError)
    world.core.script = allow
    expect((await ask(world.client, 'next')).outcome).toBe('ALLOW')
  })

  test('a connection that breaks fails what was asked, and nothing is asked twice', async () => {
    await using core = await startScriptedCore()
    core.script = (request) => {
      if (request.toolName === 'tool-40') core.dropConnections()
      return hang()
    }
    await using client = createCoreClient({ address: core.address })
    const handler = vi.fn(async () => 1)
    const asked = tools(80).map((tool) => errorOf(guard({ tool, client }, handler)()))
    for (const error of await Promise.all(asked)) expect(error).toBeInstanceOf(CoreConnectionError)
    expect(handler).not.toHaveBeenCalled()
    const seen = core.requests.map(({ toolName }) => toolName)
    expect(new Set(seen).size).toBe(seen.length)
  })

  test('a core that is not there is unreachable for all', async () => {
    await using client = createCoreClient({ address: '127.0.0.1:1' })
    for (const error of await Promise.all(tools(20).map((tool) => errorOf(ask(client, tool))))) {
      expect([error.constructor, error.code]).toEqual([CoreConnectionError, 'CORE_UNREACHABLE'])
    }
  })

  test('a core that lets nobody in says so to all', async () => {
    await using core = await startScriptedCore(() => refuse(status.UNAUTHENTICATED, 'a token is missing'))
    await using client = createCoreClient({ address: core.address })
    for (const error of await Promise.all(tools(20).map((tool) => errorOf(ask(client, tool))))) {
      expect(error).toBeInstanceOf(CoreAccessError)
    }
  })
})

describe('an older core without the stream', () => {
  test('answers everybody, each asked once, in calls of their own', async () => {
    await using core = await startScriptedCore(allow, { stream: false })
    await using client = createCoreClient({ address: core.address })
    for (let round = 0; round < 2; round += 1) {
      const answers = await Promise.all(tools(50).map((tool) => ask(client, tool)))
      expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['ALLOW']))
    }
    expect([core.requests.length, core.alone()]).toEqual([100, 100])
  })
})

test('a process that asked together and disposes of nothing ends by itself', async () => {
  await using core = await startScriptedCore()
  const program = `
    import { createCoreClient, evaluateToolAccess } from ${JSON.stringify(join(import.meta.dirname, '../../sdk-node/src/index.ts'))}
    const client = createCoreClient({ address: ${JSON.stringify(core.address)} })
    const asked = Array.from({ length: 20 }, () => evaluateToolAccess('read', {}, { client }))
    console.log((await Promise.all(asked)).every(({ outcome }) => outcome === 'ALLOW'))`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const [code] = await once(child, 'close')
  expect([code, output.trim()]).toEqual([0, 'true'])
  expect(core.streams()).toEqual({ opened: 1, open: 0 })
})

describe('a real core', () => {
  let core: CoreProcess
  let badges: Record<1 | 2 | 3, string>

  beforeAll(async () => {
    core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-together-')))
    const badge = (level: number): Promise<string> => devCredential(core.folder, 'badges', `level-${level}.jwt`)
    badges = { 1: await badge(1), 2: await badge(2), 3: await badge(3) }
  })

  afterAll(async () => {
    expect(await core.stop()).toBe(0)
    await rm(core.folder, { recursive: true, force: true })
  })

  /** Counts what goes over it. */
  function countedClient(): CoreClient & { readonly streams: number; readonly unaries: number } {
    let [streams, unaries] = [0, 0]
    const real = createTransport(parseCoreAddress(core.address))
    const transport: CoreTransport = {
      ...real,
      unary(method, request, options) {
        if (method.name === 'EvaluateToolAccess') unaries += 1
        return real.unary(method, request, options)
      },
      openStream<I extends DescMessage, O extends DescMessage>(
        method: DescMethodBiDiStreaming<I, O>,
        events: StreamEvents<O>,
      ) {
        streams += 1
        return real.openStream(method, events)
      },
    }
    const client = clientOver({ connect: async () => transport, close: async () => transport.close() }, 20_000)
    return Object.defineProperties(client, {
      streams: { get: () => streams },
      unaries: { get: () => unaries },
    }) as CoreClient & { readonly streams: number; readonly unaries: number }
  }

  interface Mixed {
    readonly tool: string
    readonly credential: CredentialInput | undefined
    readonly config?: GuardConfig
  }

  /** Allowed, denied for every kind of reason, and refused. */
  const mixed = (): Mixed[] =>
    Array.from({ length: 20 }, (): Mixed[] => [
      { tool: 'list_files', credential: undefined },
      { tool: 'list_files', credential: { badge: badges[1] } },
      { tool: 'read_rows', credential: { badge: badges[1] } },
      { tool: 'read_rows', credential: { badge: badges[2] } },
      { tool: 'write_rows', credential: { badge: badges[2] } },
      { tool: 'write_rows', credential: { badge: badges[3] }, config: { allowedTools: ['read_*'] } },
      { tool: 'drop_table', credential: { badge: badges[3] } },
      { tool: 'read_rows', credential: { badge: `${badges[2].slice(0, -8)}AAAAAAAA` } },
      { tool: 'read_rows', credential: { apiKey: 'key-of-nobody' } },
      { tool: 'x'.repeat(2_000), credential: undefined },
    ]).flat()

  /** What two answers to one question have in common: all but record and time. */
  const shape = (answer: PromiseSettledResult<ToolAccess>): object => {
    if (answer.status === 'rejected') {
      const { name, code, message, fieldViolations } = answer.reason as Record<string, unknown>
      return { name, code, message, fieldViolations }
    }
    const { outcome, code, reason, message, principal, badgeJti, authLevel, trustLevel, ial, policyVersion } =
      answer.value
    return { outcome, code, reason, message, principal, badgeJti, authLevel, trustLevel, ial, policyVersion }
  }

  test('answers 200 at once as it answers them one by one, each with its record', async () => {
    const questions = mixed()
    await using client = countedClient()
    const one = async ({ tool, credential, config }: Mixed): Promise<PromiseSettledResult<ToolAccess>> =>
      (
        await Promise.allSettled([
          evaluateToolAccess(tool, { tool }, { credential, ...(config !== undefined && { config }), client }),
        ])
      )[0]
    const oneByOne: object[] = []
    for (const question of questions.slice(0, 10)) oneByOne.push(shape(await one(question)))
    expect([client.unaries, client.streams]).toEqual([10, 0])

    const together = await Promise.all(questions.map(one))
    expect(client.streams).toBeGreaterThan(0)
    expect(client.unaries).toBe(11)
    expect(together.map(shape)).toEqual(questions.map((_, index) => oneByOne[index % 10]))
    expect(new Set(together.map((answer) => JSON.stringify(shape(answer)))).size).toBe(10)

    const logged = new Set<string>()
    for await (const { leaf } of readEvidenceLogs({ root: join(core.folder, 'evidence') })) {
      logged.add((JSON.parse(Buffer.from(leaf).toString()) as { id: string }).id)
    }
    const ids = together.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.evidenceId] : []))
    expect(new Set(ids).size).toBe(180)
    expect(ids.filter((id) => id === undefined || !logged.has(id))).toEqual([])
  })

  test('whose messages are as small as they can be answers many at once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'capiscio-small-'))
    const config = join(folder, 'capiscio.yaml')
    await writeFile(config, 'limits: { maxMessageBytes: 16384 }\n')
    await using small = await startServe(['--config', config])
    await using client = createCoreClient({ address: small.addresses.tcp })
    const answers = await Promise.all(tools(100).map((tool) => ask(client, tool)))
    expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['ALLOW']))
    await rm(folder, { recursive: true, force: true })
  })

  test('serves thousands who wait, none of them lost', async () => {
    await using client = createCoreClient({ address: core.address, timeoutMs: 30_000 })
    const answers = await Promise.all(tools(3_000).map((tool) => ask(client, tool)))
    expect(answers.map(({ evidenceJson }) => JSON.parse(evidenceJson ?? '')['capiscio.target'])).toEqual(tools(3_000))
  })
})
