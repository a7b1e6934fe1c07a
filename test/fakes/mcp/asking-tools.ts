import { randomBytes } from 'node:crypto'
import type { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  acceptedContent,
  createRequestStateCodec,
  inputRequired,
  type McpServer as McpServerV2,
} from '@modelcontextprotocol/server'
import { z } from 'zod'

const said = (text: string) => ({ content: [{ type: 'text' as const, text }] })

/** Tools that ask their caller something. Before 2026-07-28: by a request of their own, while they run. */
export function registerAskingToolsV1(mcp: McpServerV1): void {
  const elicit = { description: 'Asks the user', inputSchema: z.object({ message: z.string() }) }
  mcp.registerTool('test_elicitation', elicit, async ({ message }, { requestId }) => {
    const properties = { username: { type: 'string' as const } }
    const requestedSchema = { type: 'object' as const, properties, required: ['username'] }
    const answer = await mcp.server.elicitInput({ message, requestedSchema }, { relatedRequestId: requestId })
    return said(`User response: ${JSON.stringify(answer)}`)
  })
  const sample = { description: 'Asks the model', inputSchema: z.object({ prompt: z.string() }) }
  mcp.registerTool('test_sampling', sample, async ({ prompt }, { requestId }) => {
    const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: prompt } }]
    const { content } = await mcp.server.createMessage({ messages, maxTokens: 100 }, { relatedRequestId: requestId })
    return said(`LLM response: ${JSON.stringify(content)}`)
  })
}

/** State that travels through the client, and comes back as it left. */
export const stateCodec = createRequestStateCodec({ key: randomBytes(32) })

/** Since then: by a result that wants input. The call is made again with the answer, and decided again. */
export function registerAskingToolsV2(mcp: McpServerV2): void {
  const config = (description: string) => ({ description, inputSchema: z.object({}) })
  const person = z.object({ name: z.string() })
  mcp.registerTool('test_input_required_result_elicitation', config('Asks the user'), (_args, { mcpReq }) => {
    const given = acceptedContent(mcpReq.inputResponses, 'user_name', person)
    if (given !== undefined) return said(`Hello, ${given.name}!`)
    const question = inputRequired.elicit({ message: 'What is your name?', requestedSchema: person })
    return inputRequired({ inputRequests: { user_name: question } })
  })
  const sure = z.object({ ok: z.boolean() })
  mcp.registerTool(
    'test_input_required_result_request_state',
    config('Asks and remembers'),
    async (_args, { mcpReq }) => {
      const isConfirmed = acceptedContent(mcpReq.inputResponses, 'confirm', sure) !== undefined
      if (isConfirmed && mcpReq.requestState() !== undefined) return said('state-ok')
      const question = inputRequired.elicit({ message: 'Please confirm', requestedSchema: sure })
      return inputRequired({ inputRequests: { confirm: question }, requestState: await stateCodec.mint({ round: 1 }) })
    },
  )
  mcp.registerTool('test_streaming_elicitation', config('Asks on the stream of its answer'), () =>
    inputRequired({ inputRequests: { ok: inputRequired.elicit({ message: 'Sure?', requestedSchema: sure }) } }),
  )
  mcp.registerTool('test_missing_capability', config('Needs a model, which not every client has'), () => {
    const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: 'Hello' } }]
    return inputRequired({ inputRequests: { hello: inputRequired.createMessage({ messages, maxTokens: 10 }) } })
  })
}
