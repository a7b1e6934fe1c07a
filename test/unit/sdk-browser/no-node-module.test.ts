import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { bundleForBrowser } from '../../browser/bundle.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'capiscio-bundle-'))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the built package', () => {
  test('reaches no Node module, itself or through what it imports', async () => {
    const { files, notForBrowsers } = await bundleForBrowser(join(ROOT, 'sdk-browser', 'dist', 'index.js'))
    expect(notForBrowsers).toEqual([])
    const ours = files.filter((file) => !file.includes('node_modules')).map((file) => file.slice(ROOT.length + 1))
    expect(ours).toContain('sdk-browser/dist/core-client.js')
    expect(ours).toContain('proto/dist/core-v1.js')
    expect(ours.filter((file) => !/^(?:sdk-browser|proto)\/dist\//.test(file))).toEqual([])
    // Who only asks a core carries none.
    expect(files.filter((file) => /@noble|sdk-browser\/dist\/verify/.test(file))).toEqual([])
  })

  test('reaches none either where it verifies by itself, and of the core only its rules', async () => {
    const { files, notForBrowsers } = await bundleForBrowser(join(ROOT, 'sdk-browser', 'dist', 'verify', 'index.js'))
    expect(notForBrowsers).toEqual([])
    const ours = files.filter((file) => !file.includes('node_modules')).map((file) => file.slice(ROOT.length + 1))
    const core = ours.filter((file) => file.startsWith('core/dist/')).map((file) => file.slice('core/dist/'.length))
    expect(core).toContain('domain/badge/verify-badge.js')
    expect(core).toContain('lib/browser/sha256.js')
    expect(
      core.filter((file) => !/^(?:domain\/(?:badge|did|identity|trust)|lib|ports)\//.test(file)).toSorted(),
    ).toEqual(['service/evaluate-limits.js', 'service/rpc-fault.js', 'service/verify-server.js', 'verification.js'])
    expect(core.filter((file) => /^lib\/(?:sha256|base64url)\.js$/.test(file))).toEqual([])
  })
})

describe('an import that no browser has is found', () => {
  test.each([
    ['by its name', 'node:fs'],
    ['by its old name', 'fs'],
    ['below its name', 'fs/promises'],
    ['when it is not there at all', '@capiscio/not-there'],
  ])('%s', async (_what, specifier) => {
    writeFileSync(join(folder, 'entry.js'), "import './inner.js'\n")
    writeFileSync(join(folder, 'inner.js'), `import * as unused from '${specifier}'\n`)
    const { notForBrowsers } = await bundleForBrowser(join(folder, 'entry.js'))
    expect(notForBrowsers).toEqual([expect.stringMatching(new RegExp(`^${specifier} from .*inner\\.js$`))])
  })
})
