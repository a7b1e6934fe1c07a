import { create } from '@bufbuild/protobuf'
import { FilterToolsRequestSchema } from '@capiscio/proto/core/v1'
import { expect, it } from 'vitest'
import { createAllowedToolsCompiler } from '../../../core/src/domain/policy/allowed-tools.ts'
import { filterTools } from '../../../core/src/service/filter-tools.ts'

const compiler = createAllowedToolsCompiler({ maxLists: 10, maxCharacters: 100_000 })

it('a listing lets others have their turn between its tools', async () => {
  const turns: string[] = []
  let over = false
  const others = (): void => {
    turns.push('another')
    if (!over) setImmediate(others)
  }
  setImmediate(others)
  const tools = ['a', 'b', 'c'].map((toolName) => ({ toolName, config: { allowedTools: ['*'] } }))
  const answers = await filterTools(
    create(FilterToolsRequestSchema, { tools }),
    async ({ toolName }) => {
      turns.push(toolName)
      return toolName !== 'b'
    },
    compiler,
  )
  over = true
  expect(answers).toEqual([true, false, true])
  expect(turns.join(' ')).toMatch(/^a another( another)* b another( another)* c/)
})
