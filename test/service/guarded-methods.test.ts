import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allow, deny, type ScriptedCore, startScriptedCore } from '../fakes/scripted-core.ts'
import { codeBlocks } from '../interop/docs-page.ts'
import { runProgram } from '../interop/run-program.ts'
import { compileProgram } from '../tools/compile-program.ts'
import { startDevCore } from '../tools/core-process.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-decorators-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('methods that are decorated and compiled by tsc', () => {
  let core: ScriptedCore

  beforeAll(async () => {
    core = await startScriptedCore((request) => (request.toolName.startsWith('drop_') ? deny(request) : allow(request)))
  })

  afterAll(() => core[Symbol.asyncDispose]())

  test('are decided each by its name, and keep this, statics, private names, arguments and inheritance', async () => {
    const source = await readFile(join(import.meta.dirname, '..', 'fakes', 'decorated-tools.ts'), 'utf8')
    const program = await compileProgram(folder, 'decorated-tools', source)
    expect(JSON.parse(await runProgram(process.execPath, [program, core.address]))).toEqual({
      read: ['b', 'c'],
      other: ['x'],
      inherited: ['y', 'more'],
      count: 3,
      static: 'rows of users',
      private: 'word of 3',
      context: '/a 1970-01-01T00:00:00.000Z',
      denied: 'drop_rows: TOOL_TRUST_INSUFFICIENT',
      name: ['read_rows', 1, 'describe'],
    })
    expect(core.requests.map(({ toolName, config }) => [toolName, config?.minTrustLevel])).toEqual([
      ['read_rows', 2],
      ['read_rows', 2],
      ['read_rows', 2],
      ['rows/count', 0],
      ['describe', 0],
      ['#secret', 0],
      ['with_context', 0],
      ['drop_rows', 0],
    ])
  })

  test.each([
    ['a getter', 'get size(): Promise<number> { return Promise.resolve(1) }', /guarded|decorator/],
    ['a method that does not answer with a promise', 'size(): number { return 1 }', /Promise/],
    [
      'a method with other arguments than params chooses',
      'async size(n: number): Promise<number> { return n }',
      /string/,
    ],
  ])('do not compile where they cannot work: %s', async (what, member, says) => {
    const options = what.includes('params') ? '{ params: (text: string) => text }' : '{}'
    const source = `import { guarded } from '@capiscio/mcp'\nexport class C {\n  @guarded(${options})\n  ${member}\n}\n`
    await expect(compileProgram(join(folder, 'refused'), 'refused', source)).rejects.toThrow(says)
  })
})

test('the page for Node has an example with methods that compiles and runs', async () => {
  await using core = await devCore(join(folder, '.capiscio-dev'))
  const program = await compileProgram(join(folder, 'page'), 'page', codeBlocks('node.md', 'ts')[0])
  const shown = await runProgram(process.execPath, [program], {
    cwd: folder,
    env: { CAPISCIO_CORE_ADDR: core.address },
  })
  expect(shown).toBe(codeBlocks('node.md', 'text')[1])
})

async function devCore(path: string): Promise<AsyncDisposable & { readonly address: string }> {
  const { address, stop } = await startDevCore(path)
  return { address, [Symbol.asyncDispose]: async () => expect(await stop()).toBe(0) }
}
