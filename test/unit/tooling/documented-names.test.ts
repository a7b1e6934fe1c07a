import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMetrics } from '../../../core/src/adapters/telemetry/metrics.ts'
import { createProgram } from '../../../core/src/cli/program.ts'
import { loadConfig } from '../../../core/src/config/load-config.ts'
import { captureIo } from '../../tools/run-command.ts'

const root = join(import.meta.dirname, '..', '..', '..')

function textsIn(folder: string, ending: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => readFileSync(join(root, folder, file), 'utf8'))
}

/** What a pattern finds, without repetition: its first group. */
function found(texts: readonly string[], pattern: RegExp): readonly string[] {
  return [...new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name)))].sort()
}

const sources = [...textsIn('core/src', '.ts'), ...textsIn('sdk-node/src', '.ts')].map((text) =>
  text.replace(/^\s*(?:\/\/|\/?\*).*$/gm, ''),
)
const operations = readFileSync(join(root, 'docs/operations.md'), 'utf8')
const documents = [readFileSync(join(root, 'README.md'), 'utf8'), ...textsIn('docs', '.md')]

describe('metrics', () => {
  const { registry } = createMetrics()
  const own = registry
    .getMetricsAsArray()
    .map(({ name }) => name)
    .filter((name) => !/^capiscio_(?:process|nodejs)_/.test(name))
  // `_commit_seconds` after a name in the same cell stands for the end of that name.
  const listed = operations
    .split('\n')
    .filter((line) => line.startsWith('| `capiscio_'))
    .flatMap((line) => {
      const [first = '', ...more] = found([line.split('|')[1] ?? ''], /`(_?[a-z_]+)`/g).toSorted((a, b) =>
        a.startsWith('_') ? 1 : b.startsWith('_') ? -1 : 0,
      )
      return [first, ...more.map((end) => own.find((name) => name.endsWith(end)) ?? end)]
    })

  it('are all in the list of operations.md, and nothing else is', () => {
    expect(listed.toSorted()).toEqual(own.toSorted())
  })
})

describe('log lines', () => {
  const rows = found([operations], /^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| (?:trace|debug|info|warn|error|fatal)/gm)

  it('have their events in operations.md, and no others stand there', () => {
    const logged = found(sources, /logger\.\w+\(\s*\{ event: '([a-z_]+)'/g)
    expect(found(rows, /`([a-z_]+)`/g)).toEqual(logged)
  })

  it('of event `warning` have their codes there', () => {
    const [, table = ''] = operations.split('| `code` of a warning | Means |')
    const listed = found([table.slice(0, table.indexOf('\n\n'))], /`([A-Z_]{4,})`/g)
    expect(listed).toEqual(found(sources, /(?:warning\(\{\s*code: |event: 'warning', code: |warnWith\()'([A-Z_]+)'/g))
  })
})

describe('variables of the environment', () => {
  // What begins like a variable and is none: codes of the SDK's warnings, a constant.
  const others = ['CAPISCIO_OUTCOME', 'CAPISCIO_OUTCOMES_LOST', 'CAPISCIO_REGISTRY', 'CAPISCIO_TOOL_UNLISTED']
  const read = found(sources, /\b(CAPISCIO_[A-Z_]*[A-Z])\b/g).filter((name) => !others.includes(name))

  it.each(read)('are known to a core, which warns of the others: %s', (name) => {
    // Values are refused where they are wrong; here only names count.
    let unknown: readonly string[] = []
    try {
      const { warnings } = loadConfig({ command: 'serve', flags: {}, env: { HOME: '/home/u', [name]: 'x' } })
      unknown = warnings.filter(({ message }) => message.startsWith('Is not a variable')).map(({ source }) => source)
    } catch (refused) {
      expect(refused).toMatchObject({ code: 'CONFIG_REFUSED', problems: [{ source: name }] })
    }
    expect(unknown).toEqual([])
  })

  it.each(read)('are in the documents: %s', (name) => {
    expect(documents.some((text) => new RegExp(`\\b${name}\\b`).test(text))).toBe(true)
  })
})

describe('flags of what runs until it is stopped', () => {
  const program = createProgram(captureIo().io)
  const flags = ['serve', 'dev', 'rpc', 'mcp wrap', 'mcp proxy', 'registry serve'].flatMap((path) => {
    const command = path.split(' ').reduce((at, name) => at.commands.find((one) => one.name() === name) ?? at, program)
    return command.options.map(({ long = '' }) => [path, long] as const)
  })

  it.each(flags)('%s %s is in the documents', (_, flag) => {
    expect(documents.some((text) => text.includes(`\`${flag}`))).toBe(true)
  })
})
