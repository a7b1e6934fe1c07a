import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { tellUnlisted } from '../../../../sdk-node/src/mcp/unlisted-tools.ts'

let warnings: Error[]
const keep = (warning: Error): void => void warnings.push(warning)

beforeEach(() => {
  warnings = []
  process.on('warning', keep)
})

afterEach(() => {
  process.off('warning', keep)
})

const listing = (...names: string[]) => ({ tools: names.map((name) => ({ name })) })

/** What a server tells of one demand when it lists its tools twice. */
async function told(demanded: string, result: unknown, params?: object): Promise<readonly string[]> {
  const handler = tellUnlisted(async () => result, [demanded])
  for (let round = 0; round < 2; round++) expect(await handler({ method: 'tools/list', params }, {})).toBe(result)
  // A warning is emitted in the next turn.
  await new Promise(setImmediate)
  return warnings.map(({ message }) => message)
}

test('a demand for a tool that is not listed is told once, by its name', async () => {
  const name = `typo-${randomUUID()}`
  expect(await told(name, listing('a', 'b'))).toEqual([expect.stringContaining(`"${name}"`)])
  expect(warnings[0]).toMatchObject({ code: 'CAPISCIO_TOOL_UNLISTED' })
})

test('a demand for a listed tool is not', async () => {
  const name = `right-${randomUUID()}`
  expect(await told(name, listing('a', name))).toEqual([])
})

test.each([
  ['the first page', { ...listing('a'), nextCursor: '2' }, {}],
  ['the last page', listing('a'), { cursor: '2' }],
  ['what is no listing', undefined, {}],
])('of %s nothing is told', async (_what, result, params) => {
  expect(await told(`other-${randomUUID()}`, result, params)).toEqual([])
})
