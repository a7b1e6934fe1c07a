import { McpServer as McpServerV1, ResourceTemplate as TemplateV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpServer as McpServerV2, ResourceTemplate as TemplateV2 } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { type ProtectServerOptions, protectServer } from '../../../sdk-node/src/index.ts'
import { registerAskingToolsV1, registerAskingToolsV2, stateCodec } from './asking-tools.ts'

/** What handlers of both SDKs may do while they run. */
interface Speaker {
  readonly progressToken: string | number | undefined
  notify(method: string, params: object): Promise<void>
  log(data: string): Promise<void>
}

type Meta = { readonly progressToken?: string | number }
type Content = Readonly<Record<string, unknown>>

/** One pixel, and no sound. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA='

const text = (value: string): Content => ({ type: 'text', text: value })
const image: Content = { type: 'image', data: PNG, mimeType: 'image/png' }
const embedded = (uri: string, mimeType: string, value: string): Content => ({
  type: 'resource',
  resource: { uri, mimeType, text: value },
})

async function logThrice({ log }: Speaker): Promise<Content[]> {
  for (const data of ['started', 'under way', 'completed']) await log(data)
  return [text('logged')]
}

/** The tools that the official conformance suite looks for by their names. */
const TOOLS: Readonly<Record<string, (speaker: Speaker) => Content[] | Promise<Content[]>>> = {
  test_simple_text: () => [text('This is a simple text response for testing.')],
  test_image_content: () => [image],
  test_audio_content: () => [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }],
  test_embedded_resource: () => [embedded('test://embedded-resource', 'text/plain', 'An embedded resource.')],
  test_multiple_content_types: () => [
    text('Multiple content types test:'),
    image,
    embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  ],
  test_error_handling: () => {
    throw new Error('This tool intentionally returns an error for testing')
  },
  test_tool_with_logging: logThrice,
  test_logging_tool: logThrice,
  async test_tool_with_progress({ progressToken, notify }) {
    for (const progress of progressToken === undefined ? [] : [0, 50, 100]) {
      await notify('notifications/progress', { progressToken, progress, total: 100 })
    }
    return [text('done')]
  },
}

const PERSON = z.object({ name: z.string(), address: z.object({ street: z.string(), city: z.string() }).optional() })

const says = (content: Content) => ({ messages: [{ role: 'user', content }] })

/** What both SDKs register in the same way, written against the types of the newer one. */
function registerShared(server: McpServerV2, speakerOf: (context: never) => Speaker, Template: typeof TemplateV2) {
  for (const [name, tool] of Object.entries(TOOLS)) {
    const handler = async (_args: object, context: never) => ({ content: await tool(speakerOf(context)) })
    server.registerTool(name, { description: name, inputSchema: z.object({}) }, handler as never)
  }
  const schemaTool = { description: 'Has a deeper schema', inputSchema: PERSON }
  server.registerTool('json_schema_2020_12_tool', schemaTool, ({ name }) => ({ content: [text(name)] }) as never)

  server.registerResource('text', 'test://static-text', { mimeType: 'text/plain' }, ({ href }) => ({
    contents: [{ uri: href, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }],
  }))
  server.registerResource('binary', 'test://static-binary', { mimeType: 'image/png' }, ({ href }) => ({
    contents: [{ uri: href, mimeType: 'image/png', blob: PNG }],
  }))
  const template = new Template('test://template/{id}/data', { list: undefined })
  server.registerResource('template', template, { mimeType: 'application/json' }, ({ href }, { id }) => ({
    contents: [{ uri: href, mimeType: 'application/json', text: JSON.stringify({ id, data: `Data for ID: ${id}` }) }],
  }))

  const prompt = (name: string, content: Content) =>
    server.registerPrompt(name, { description: name }, (() => says(content)) as never)
  prompt('test_simple_prompt', text('This is a simple prompt for testing.'))
  prompt('test_prompt_with_image', image)
  prompt('test_prompt_with_embedded_resource', embedded('test://example-resource', 'text/plain', 'A resource.'))
  const schema = z.object({ arg1: z.string(), arg2: z.string() })
  // The older SDK takes the members of a schema, the newer one the schema.
  const argsSchema = (server instanceof McpServerV2 ? schema : Reflect.get(schema, 'shape')) as typeof schema
  server.registerPrompt(
    'test_prompt_with_arguments',
    { description: 'Repeats', argsSchema },
    ({ arg1, arg2 }) => says(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)) as never,
  )
}

function speakerOfV1(extra: { readonly _meta?: Meta; sendNotification(notification: object): Promise<void> }): Speaker {
  const notify = (method: string, params: object) => extra.sendNotification({ method, params })
  const log = (data: string) => notify('notifications/message', { level: 'info', data })
  return { progressToken: extra._meta?.progressToken, notify, log }
}

function speakerOfV2({
  mcpReq,
}: {
  readonly mcpReq: {
    readonly _meta?: Meta
    notify(notification: object): Promise<void>
    log(level: 'info', data: string): Promise<void>
  }
}): Speaker {
  const notify = (method: string, params: object) => mcpReq.notify({ method, params })
  return { progressToken: mcpReq._meta?.progressToken, notify, log: (data) => mcpReq.log('info', data) }
}

/** A server of SDK v1 with most of what the conformance suite looks for, protected or plain. */
export function buildEverythingV1(options?: ProtectServerOptions): McpServerV1 {
  const server = new McpServerV1({ name: 'everything', version: '1' }, { capabilities: { logging: {} } })
  if (options !== undefined) protectServer(server, options)
  registerShared(server as never, speakerOfV1 as never, TemplateV1 as never)
  registerAskingToolsV1(server)
  return server
}

/** The same of SDK v2. */
export function buildEverythingV2(options?: ProtectServerOptions): McpServerV2 {
  const capabilities = { logging: {} }
  const requestState = { verify: stateCodec.verify }
  const server = new McpServerV2({ name: 'everything', version: '1' }, { capabilities, requestState })
  if (options !== undefined) protectServer(server, options)
  registerShared(server, speakerOfV2 as never, TemplateV2)
  registerAskingToolsV2(server)
  return server
}
