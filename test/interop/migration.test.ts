import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { devCredential } from '../tools/core-process.ts'
import { type InteropWorld, startInteropWorld } from './interop-world.ts'
import { migrationSections } from './migration-page.ts'
import { PYTHON_SURFACE } from './python-surface.ts'
import { runProgram } from './run-program.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SECTIONS = migrationSections()
const ROWS = SECTIONS.flatMap(({ rows }) => rows)
const PROGRAMS = SECTIONS.flatMap(({ programs }) => programs)

describe('the page for those who come from Python', () => {
  it.each(Object.entries(PYTHON_SURFACE))('has one row for everything in "%s"', (title, names) => {
    const section = SECTIONS.find((candidate) => candidate.title === title)
    expect(section?.rows.map(({ python }) => python)).toEqual(names)
  })

  it('has each row once', () => {
    const names = ROWS.map(({ python }) => python)
    const counted = Object.values(PYTHON_SURFACE).flat().length
    expect(new Set(names).size).toBe(names.length)
    expect(names).toHaveLength(counted)
  })

  it('names in its rows what the built packages export', async () => {
    for (const row of ROWS) {
      for (const name of row.counterparts) expect(await isExported(row.from, name), `${row.python}: ${name}`).toBe(true)
    }
    expect(await isExported('@capiscio/mcp', 'guardAll')).toBe(false)
    expect(await isExported('@capiscio/mcp', 'ServerIdentity.auto')).toBe(false)
  })

  it('shows each of them in an example of the same section', () => {
    for (const { rows, programs } of SECTIONS) {
      const words = new Set(programs.flatMap(({ text }) => text.match(/\w+/g) ?? []))
      for (const { python, counterparts } of rows) {
        const shown = counterparts.flatMap((name) => name.split('.')).filter((name) => !words.has(name))
        expect(shown, python).toEqual([])
      }
    }
  })
})

describe('the environment variables of the page', () => {
  const [rows = []] = SECTIONS.filter(({ title }) => title === 'Environment variables').map((section) => section.rows)
  const read = variablesOf(join(ROOT, 'sdk-node', 'src'))

  it('are read where it says so, and nowhere else', () => {
    const claimed = Object.fromEntries(rows.map(({ python, isOffered }) => [python, isOffered]))
    expect(claimed).toEqual(Object.fromEntries(rows.map(({ python }) => [python, read.has(python)])))
  })

  it('are all that the SDK reads', () => {
    const page = readFileSync(join(ROOT, 'docs', 'migrating-from-python.md'), 'utf8')
    expect([...read].filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })
})

describe('the examples of the page', () => {
  let world: InteropWorld
  let env: Record<string, string>

  beforeAll(async () => {
    world = await startInteropWorld()
    const { core, cwd } = world
    const config = readFileSync(join(core.folder, 'capiscio.yaml'), 'utf8')
    env = {
      HOME: cwd,
      CAPISCIO_CORE_ADDR: core.address,
      CAPISCIO_SERVER_URL: /apiUrl: (\S+)/.exec(config)?.[1] ?? '',
      CAPISCIO_API_KEY: await devCredential(core.folder, 'registry', 'admin-key'),
    }
    await writeFile(join(cwd, 'package.json'), '{ "type": "module" }')
    await writeFile(join(cwd, 'tsconfig.json'), JSON.stringify(TSCONFIG))
    for (const { file, text } of PROGRAMS) await writeFile(join(cwd, file), text)
  })

  afterAll(async () => world?.[Symbol.asyncDispose]())

  let compiling: Promise<unknown> | undefined
  const compile = (): Promise<unknown> => {
    compiling ??= runProgram(join(world.cwd, 'node_modules', '.bin', 'tsc'), ['-p', world.cwd])
    return compiling
  }

  it('compile', async () => {
    await compile()
  })

  it.each(PROGRAMS.filter(({ output }) => output !== undefined))('print what the page says: $file', async (program) => {
    const { file, text, output } = program
    // Node runs TypeScript as it is, except for decorators.
    const isCompiled = /^ +@\w/m.test(text)
    if (isCompiled) await compile()
    const script = isCompiled ? join('compiled', file.replace(/\.ts$/, '.js')) : file
    expect(await runProgram(process.execPath, [script], { cwd: world.cwd, env })).toBe(output)
  })
})

/** Names of variables in the program text of a folder, comments left out. */
function variablesOf(folder: string): ReadonlySet<string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').replace(/^\s*(?:\/\/|\/?\*).*$/gm, ''))
  const names = texts.flatMap((text) => text.match(/\bCAPISCIO_[A-Z_]*[A-Z]\b/g) ?? [])
  // Codes of warnings begin like a variable; one variable is set for the child, and read there.
  return new Set(names.filter((name) => !/^CAPISCIO_(?:OUTCOME|EXIT_WITH_STDIN)/.test(name)))
}

const TSCONFIG = {
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable', 'dom'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    skipLibCheck: true,
    outDir: 'compiled',
    rewriteRelativeImportExtensions: true,
    erasableSyntaxOnly: true,
  },
  include: ['*.ts'],
}

/** Whether the built package exports the value or type, and the class has the member. */
async function isExported(from: string, name: string): Promise<boolean> {
  const [root = '', member] = name.split('.')
  const value: unknown = Reflect.get(await import(from), root)
  if (value === undefined) return member === undefined && (await typesOf(from)).includes(root)
  if (member === undefined) return true
  if (typeof value !== 'function') return false
  return member in value || Object.hasOwn(value.prototype as object, member)
}

/** Names that a package's type declarations list beside its values. */
async function typesOf(from: string): Promise<readonly string[]> {
  const entry = new URL(import.meta.resolve(from)).pathname
  const declared = readFileSync(entry.replace(/\.js$/, '.d.ts'), 'utf8')
  return [...declared.matchAll(/export type \{([^}]*)\}/g)].flatMap(([, names = '']) => names.match(/\w+/g) ?? [])
}
