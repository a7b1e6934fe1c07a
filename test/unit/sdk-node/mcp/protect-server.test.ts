import { Client as ClientV2, InMemoryTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { CreateTaskResultSchema, type Task } from '@modelcontextprotocol/sdk/types.js'
import { McpServer as McpServerV2, Server as ServerV2 } from '@modelcontextprotocol/server'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { protectServer } from '../../../../sdk-node/src/index.ts'
import { createScriptedClient } from '../../../fakes/scripted-client.ts'
import { allow, deny } from '../../../fakes/scripted-core.ts'

describe('a server with a handler that has schemas of its own', () => {
  async function serve(script: typeof allow) {
    const client = createScriptedClient(script)
    const server = protectServer(new ServerV2({ name: 's', version: '1' }, { capabilities: { tools: {} } }), { client })
    const ran: unknown[] = []
    const params = z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()) })
    server.setRequestHandler('tools/call', { params }, async (given) => {
      ran.push(given)
      return { content: [] }
    })
    const [mine, theirs] = InMemoryTransport.createLinkedPair()
    await server.connect(theirs)
    const mcp = new ClientV2({ name: 'c', version: '1' })
    await mcp.connect(mine)
    return { mcp, ran, client }
  }

  it('is guarded, and the handler is given what was decided', async () => {
    const { mcp, ran, client } = await serve(allow)
    await mcp.callTool({ name: 'read', arguments: { path: 'a' } })
    expect(client.requests.map(({ toolName }) => toolName)).toEqual(['read'])
    expect(ran).toMatchObject([{ name: 'read', arguments: { path: 'a' } }])
    await mcp.close()
  })

  it('does not run it when denied', async () => {
    const { mcp, ran } = await serve(deny)
    expect(await mcp.callTool({ name: 'read', arguments: {} })).toMatchObject({ isError: true })
    expect(ran).toEqual([])
    await mcp.close()
  })
})

/** What of the SDK's context is used here. */
interface Tasks {
  readonly taskStore: { createTask(options: object): Promise<Task>; getTask(id: string): Promise<Task> }
  readonly taskId: string
}

describe('a tool that runs as a task', () => {
  async function serve(script: typeof allow) {
    const capabilities = { tasks: { requests: { tools: { call: {} } } } }
    const options = { capabilities, taskStore: new InMemoryTaskStore() }
    const client = createScriptedClient(script)
    const server = protectServer(new McpServerV1({ name: 's', version: '1' }, options), {
      client,
      filterListings: false,
    })
    let created = 0
    const config = { inputSchema: { path: z.string() }, execution: { taskSupport: 'required' as const } }
    server.experimental.tasks.registerToolTask('copy', config as never, {
      createTask: async (_args: unknown, { taskStore }: Pick<Tasks, 'taskStore'>) => {
        created++
        return { task: await taskStore.createTask({ ttl: 1_000 }) }
      },
      getTask: async (_args: unknown, { taskStore, taskId }: Tasks) => taskStore.getTask(taskId),
      getTaskResult: async () => ({ content: [] }),
    })
    const [mine, theirs] = InMemoryTransport.createLinkedPair()
    await server.connect(theirs as never)
    const mcp = new ClientV1({ name: 'c', version: '1' })
    await mcp.connect(mine as never)
    const params = { name: 'copy', arguments: { path: 'a' }, task: { ttl: 1_000 } }
    const call = () => mcp.request({ method: 'tools/call', params }, CreateTaskResultSchema)
    return { mcp, call, created: () => created }
  }

  it('begins after an ALLOW', async () => {
    const { mcp, call, created } = await serve(allow)
    expect(await call()).toMatchObject({ task: { status: 'working' } })
    expect(created()).toBe(1)
    await mcp.close()
  })

  it('does not begin after a DENY, and the caller is told why', async () => {
    const { mcp, call, created } = await serve(deny)
    const error = await call().then(
      () => expect.unreachable('it was denied'),
      (thrown) => thrown,
    )
    expect(error).toMatchObject({ code: 40_301, message: expect.stringContaining('Denied: ') })
    expect(error.data['io.capisc/denial']).toMatchObject({
      code: expect.stringMatching(/^TOOL_/),
      reason: expect.any(String),
      evidenceId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    expect(created()).toBe(0)
    await mcp.close()
  })
})

describe('tools that change while the server runs', () => {
  it.each([
    ['v1', () => new McpServerV1({ name: 's', version: '1' })],
    ['v2', () => new McpServerV2({ name: 's', version: '1' })],
  ])('are decided in SDK %s under the name that is called', async (_sdk, create) => {
    const client = createScriptedClient(deny)
    const server = protectServer<McpServerV1 | McpServerV2>(create(), { client, filterListings: false })
    let ran = 0
    const run = async () => {
      ran++
      return { content: [] }
    }
    const first = (server as McpServerV2).registerTool('first', {}, run)
    const [mine, theirs] = InMemoryTransport.createLinkedPair()
    await server.connect(theirs as never)
    const mcp = new ClientV2({ name: 'c', version: '1' })
    await mcp.connect(mine)
    const late = (server as McpServerV2).registerTool('late', {}, run)
    first.update({ name: 'renamed', callback: run })
    late.disable()
    late.enable()
    for (const name of ['renamed', 'late', 'first']) {
      expect(await mcp.callTool({ name, arguments: {} })).toMatchObject({ isError: true })
    }
    expect(client.requests.map(({ toolName }) => toolName)).toEqual(['renamed', 'late', 'first'])
    expect(ran).toBe(0)
    await mcp.close()
  })
})

describe('protectServer', () => {
  it('protects a server once, so that it is clear which demands hold', () => {
    for (const create of [
      () => new McpServerV1({ name: 's', version: '1' }),
      () => new McpServerV2({ name: 's', version: '1' }),
    ]) {
      const server = protectServer<McpServerV1 | McpServerV2>(create(), { defaults: { minTrustLevel: 3 } })
      expect(() => protectServer(server)).toThrow('protected already')
      expect(() => protectServer(server.server as ServerV2)).toThrow('protected already')
      protectServer(create())
    }
  })

  it.each([{ filterListings: 0 }, { bearerIsBadge: 'false' }])('wants true or false: %o', (options) => {
    const server = new McpServerV2({ name: 's', version: '1' })
    expect(() => protectServer(server, options as never)).toThrow('true or false')
    // A refused call has protected nothing.
    expect(() => protectServer(server)).not.toThrow()
  })
})
