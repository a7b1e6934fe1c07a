import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../../../core/src/config/load-config.ts'
import { parsePolicyFile } from '../../../core/src/domain/policy/policy-file.ts'

const ROOT = join(import.meta.dirname, '../../..')

const pages = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => join('docs', name))].filter((name) =>
  name.endsWith('.md'),
)

/** Every block of YAML in the documentation, with its page. */
const blocks = pages.flatMap((page) =>
  [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(
    ([, text = ''], index) => [`${page}, block ${index + 1}`, text] as const,
  ),
)

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-documented-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

test('there are some', () => {
  expect(blocks.map(([name]) => name)).toEqual(
    expect.arrayContaining(['README.md, block 1', 'docs/registry.md, block 1', 'docs/operations.md, block 1']),
  )
})

test.each(blocks)('%s is a policy or a configuration as it stands', (_name, text) => {
  if (text.startsWith('version: ')) {
    expect(parsePolicyFile(new TextEncoder().encode(text)).rules).not.toEqual([])
    return
  }
  const config = join(folder, 'capiscio.yaml')
  writeFileSync(config, text)
  expect(loadConfig({ command: 'serve', flags: { config }, env: { HOME: folder } }).warnings).toEqual([])
})
