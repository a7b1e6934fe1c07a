import express from 'express'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemTimer } from '../../core/src/adapters/time/system-timer.ts'
import { createMessageGuard } from '../../core/src/mcp/message-guard.ts'
import { startProxy } from '../../core/src/mcp/proxy/proxy.ts'
import { createToolDecider } from '../../core/src/mcp/tool-decider.ts'
import { type HttpEndpoint, listen } from '../fakes/mcp/http-endpoint.ts'
import { type McpWorld, openMcpWorld } from '../tools/mcp-world.ts'

const POLICY = `version: 1
default: { minTrustLevel: 0 }
tools:
  - match: ["guarded"]
    minTrustLevel: 3
`

/** What reached the server, as its own parser read it. */
let reached: { method?: string; params?: { name?: string; arguments?: unknown } }[]
let world: McpWorld
let target: HttpEndpoint
let proxy: Awaited<ReturnType<typeof startProxy>>
/** What the server answers next. */
let answer: string

beforeAll(async () => {
  world = await openMcpWorld(POLICY)
  // A server as many are: Express reads the body, in whatever charset the client says.
  const app = express()
  app.use(express.json({ limit: '8mb' }))
  app.post('/mcp', (request, response) => {
    reached.push(request.body)
    response.type('application/json').send(answer)
  })
  target = await listen(() => app)
  const decider = createToolDecider(world.core, 'http://127.0.0.1')
  proxy = await startProxy({
    ...{ target: target.url, listen: { host: '127.0.0.1', port: 0 }, allowedOrigins: [], hosts: [] },
    createGuard: () => createMessageGuard({ decider, monotonicMs: () => performance.now() }),
    bearerIsBadge: false,
    timer: systemTimer,
    onFault: (cause) => expect.unreachable(String(cause)),
  })
})
afterAll(async () => {
  await proxy.stop()
  await target[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})
beforeEach(() => {
  reached = []
  answer = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [] } })
})

async function post(body: string, headers: Record<string, string> = {}) {
  const accept = 'application/json, text/event-stream'
  const response = await fetch(proxy.url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: accept, ...headers },
    body,
  })
  const text = await response.text()
  return { status: response.status, message: text === '' ? undefined : JSON.parse(text) }
}

const call = (name: string, args: string): string =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`

describe('the proxy', () => {
  it.each(['utf-7', 'utf-16le', 'utf-32', 'UTF-8; charset=utf-7'])(
    'lets no server read another message than was decided, in the charset %s',
    async (charset) => {
      // In UTF-7 this ends the string and names another tool.
      const twin = '+ACIAfQAs-+ACI-name+ACIAOgAi-guarded+ACI-,+ACI-x+ACIAOgB7ACI-y+ACIAOgAi-'
      await post(call('open', `{"a":"${twin}"}`), { 'Content-Type': `application/json; charset=${charset}` })
      expect(reached.map(({ params }) => params?.name)).not.toContain('guarded')
      for (const { params } of reached) expect(params?.arguments).toEqual({ a: twin })
    },
  )

  it('answers what is nested too deeply, from either side, and goes on', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    expect(await post(call('open', deep))).toMatchObject({ status: 400, message: { id: 1, error: { code: -32_600 } } })
    expect(reached).toEqual([])
    answer = `{"jsonrpc":"2.0","id":1,"result":{"content":[],"a":${deep}}}`
    expect((await post(call('open', '{}'))).message).toMatchObject({ id: 1, error: { code: -32_603 } })
    answer = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [] } })
    expect((await post(call('open', '{}'))).message).toMatchObject({ id: 1, result: { content: [] } })
  })

  it('denies to whoever shows two badges in two places', async () => {
    const [low, , high] = world.badges
    const _meta = `"_meta":{"capiscio_caller_badge":"${high}"}`
    const body = call('guarded', '{}').replace('"arguments"', `${_meta},"arguments"`)
    const denied = { message: { result: { _meta: { 'io.capisc/denial': { code: 'TOOL_BADGE_INVALID' } } } } }
    expect(await post(body, { 'X-Capiscio-Badge': low })).toMatchObject(denied)
    expect(await post(body, { 'X-Capiscio-Badge': `${high}, ${low}` })).toMatchObject(denied)
    expect(reached).toEqual([])
    await post(body, { 'X-Capiscio-Badge': high })
    expect(reached.map(({ params }) => params?.name)).toEqual(['guarded'])
    expect(JSON.stringify(reached)).not.toContain(high)
  })
})
