import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** A package's own files, and packages that it needs without importing them. */
const PACKAGES: readonly { folder: string; sources: readonly string[]; alsoUsed: readonly string[] }[] = [
  { folder: 'proto', sources: ['proto/*.ts', 'proto/{gen,sdk,mcp,registry}/**/*.ts'], alsoUsed: [] },
  { folder: 'core', sources: ['core/src/**/*.ts'], alsoUsed: [] },
  // The core is found at run time.
  { folder: 'sdk-node', sources: ['sdk-node/src/**/*.ts'], alsoUsed: ['@capiscio/core'] },
  { folder: 'sdk-browser', sources: ['sdk-browser/src/**/*.ts'], alsoUsed: [] },
  // Types alone, and a file that the package does not export. Vitest belongs to the root.
  { folder: 'test', sources: ['test/**/*.ts'], alsoUsed: ['@sigstore/verify', '@types/express'] },
]

/** Names of the packages that files import, those of Node left out. */
function importedBy(patterns: readonly string[]): ReadonlySet<string> {
  const files = globSync(patterns, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**'] })
  const specifiers = files.flatMap((file) =>
    [
      ...read(file).matchAll(/^(?:import|export|\}) ?(?:[^'\n]* from )?'([^'.][^']*)'|\bimport\('([^'.][^']*)'\)/gm),
    ].map(([, written, called]) => written ?? called ?? ''),
  )
  const names = specifiers.map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/'))
  return new Set(names.filter((name) => !name.startsWith('node:') && name !== 'vitest'))
}

describe.each(PACKAGES)('$folder', ({ folder, sources, alsoUsed }) => {
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(read(`${folder}/package.json`))
  const declared = { ...dependencies, ...peerDependencies }

  it('declares what it imports, and nothing else', () => {
    expect(Object.keys(declared).toSorted()).toEqual([...importedBy(sources), ...alsoUsed].toSorted())
  })

  it('names exact versions', () => {
    for (const version of Object.values(declared)) expect(version).toMatch(/^\d+\.\d+\.\d+$/)
  })

  it('has a reason in docs/dependencies.md for each package of others', () => {
    const rows = read('docs/dependencies.md')
      .split('## Considered and left out')[0]
      ?.split('\n')
      .filter((line) => line.startsWith('| `'))
    const others = Object.keys(declared).filter((name) => !name.startsWith('@capiscio/'))
    // Packages of one scope share a row: `@scope/one`, `two`.
    const has = (row: string, name: string): boolean =>
      row.includes(`\`${name}\``) ||
      (name.startsWith('@') && row.includes(`\`${name.split('/')[0]}/`) && row.includes(`\`${name.split('/')[1]}\``))
    expect(others.filter((name) => !rows?.some((row) => has(row.split('|')[1] ?? '', name)))).toEqual([])
  })
})
