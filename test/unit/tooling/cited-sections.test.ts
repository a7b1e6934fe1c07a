import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const FOLDERS = ['core/src', 'sdk-node/src', 'sdk-browser/src', 'proto/{capiscio,sdk,mcp,registry}', 'test', 'examples']

/** Sections that are cited, as `badges.md §9.2`, and where. `§6.1, §6.2` after a name cites both. */
const cited = new Map<string, string>()
for (const file of globSync(
  FOLDERS.map((folder) => `${folder}/**/*.{ts,proto}`),
  { cwd: root, exclude: ['**/node_modules/**'] },
)) {
  // Citations go on in the next line of a comment.
  const text = read(file).replaceAll(/\n\s*(?:\*|\/\/)\s*/g, ' ')
  for (const [, name = '', sections = ''] of text.matchAll(
    /\b([a-z]+(?:-[a-z]+)*)(?:\.md)? (§[\d.]*\d(?:(?:,| and|, and| to) §[\d.]*\d)*)/g,
  )) {
    for (const [section] of sections.matchAll(/§[\d.]*\d/g)) cited.set(`${name} ${section}`, file)
  }
}

/** Sections that docs/specifications.md explains, as `badges §9.2`. */
const explained = new Set(
  read('docs/specifications.md')
    .split('\n## ')
    .slice(1)
    .flatMap((part) => {
      const [name = ''] = part.split(':')
      const rows = part.split('\n').filter((line) => line.startsWith('| §'))
      return rows.flatMap((row) =>
        [...(row.split('|')[1] ?? '').matchAll(/§[\d.]*\d/g)].map(
          ([section]) => `${name.replace('.md', '')} ${section}`,
        ),
      )
    }),
)

describe('sections of working documents', () => {
  it('are cited', () => {
    expect(cited.size).toBeGreaterThan(50)
  })

  it.each([...cited])('that are cited are explained: %s in %s', (section) => {
    expect(explained).toContain(section)
  })
})
