import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

/** What npm would put into the package of a workspace. */
async function packed(folder: string): Promise<readonly string[]> {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--workspace', folder]
  const { stdout } = await promisify(execFile)('npm', args, { cwd: ROOT })
  const report = JSON.parse(stdout) as Record<string, { files: { path: string }[] }>
  return Object.values(report).flatMap(({ files }) => files.map(({ path }) => path))
}

const readJson = async (...path: string[]) => JSON.parse(await readFile(join(ROOT, ...path), 'utf8'))

/** Every file that a value of `exports` or `bin` names. */
const filesOf = (value: unknown): string[] =>
  typeof value === 'string' ? [value.replace(/^\.\//, '')] : Object.values(value ?? {}).flatMap(filesOf)

describe.each(['proto', 'core', 'sdk-node', 'sdk-browser'])('the package in %s', (folder) => {
  it('brings its licence, a README, every file that it exports, and no leftovers of the build', async () => {
    const files = await packed(folder)
    const { exports, bin, browser } = await readJson(folder, 'package.json')
    const replaced = [...filesOf(Object.keys(browser ?? {})), ...filesOf(browser)]
    const named = [...filesOf(exports), ...filesOf(bin), ...replaced]
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', ...named]))
    expect(files.filter((file) => file.endsWith('.tsbuildinfo') || /(?<!\.d)\.ts$/.test(file))).toEqual([])
    const licence = await readFile(join(ROOT, 'LICENSE'), 'utf8')
    expect(await readFile(join(ROOT, folder, 'LICENSE'), 'utf8')).toBe(licence)
  })

  it('brings what every relative import in it names', async () => {
    const files = new Set(await packed(folder))
    for (const file of [...files].filter((name) => /^dist\/.*\.js$/.test(name))) {
      const text = await readFile(join(ROOT, folder, file), 'utf8')
      for (const [, target = ''] of text.matchAll(/(?:from|import) ?\(?['"](\.{1,2}\/[^'"]+)['"]/g)) {
        expect.soft(files, `${file} imports ${target}`).toContain(join(file, '..', target))
      }
    }
  })

  it('depends on every package that it imports', async () => {
    const { name, dependencies = {}, peerDependencies = {} } = await readJson(folder, 'package.json')
    const known = new Set([name, ...Object.keys(dependencies), ...Object.keys(peerDependencies)])
    for (const file of (await packed(folder)).filter((path) => /^dist\/.*\.(js|d\.ts)$/.test(path))) {
      const text = await readFile(join(ROOT, folder, file), 'utf8')
      for (const [, target = ''] of text.matchAll(/^(?:import|export|\}) .*?from '(?!node:)([^'.][^']*)'/gm)) {
        const [scope = '', rest = ''] = target.split('/')
        expect.soft(known, `${file} imports ${target}`).toContain(scope.startsWith('@') ? `${scope}/${rest}` : scope)
      }
    }
  })
})
