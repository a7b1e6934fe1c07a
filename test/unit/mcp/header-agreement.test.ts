import { expect, it } from 'vitest'
import { disagreement } from '../../../core/src/mcp/proxy/header-agreement.ts'

it('a header is compared with arguments of any depth', () => {
  const depth = 1_000_000
  const message = (inner: string) =>
    JSON.parse(
      `{"id":1,"method":"tools/call","params":{"name":"a","arguments":${'['.repeat(depth)}${inner}${']'.repeat(depth)}}}`,
    )
  expect(disagreement(message('7'), { 'mcp-param-a': '7' })).toBeUndefined()
  expect(disagreement(message('7'), { 'mcp-param-a': '8' })).toMatch(/mcp-param-a says what no argument/)
})
