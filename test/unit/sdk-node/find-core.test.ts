import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CoreNotFoundError } from '@capiscio/proto/sdk'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findCoreCommand } from '../../../sdk-node/src/find-core.ts'

let application: string

beforeEach(() => {
  application = mkdtempSync(join(tmpdir(), 'find-core-'))
})

afterEach(() => rmSync(application, { recursive: true }))

function install(manifest: object, command?: string): string {
  const directory = join(application, 'node_modules', '@capiscio', 'core')
  mkdirSync(join(directory, 'dist'), { recursive: true })
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: '@capiscio/core', ...manifest }))
  if (command !== undefined) writeFileSync(join(directory, command), '')
  return directory
}

const base = (): string => join(application, 'server.js')

describe('the installed core', () => {
  test.each<[what: string, manifest: object]>([
    ['named', { bin: { capiscio: 'dist/main.js', other: 'dist/other.js' } }],
    ['only', { bin: './dist/main.js' }],
    [
      'named beside closed exports',
      { bin: { capiscio: 'dist/main.js' }, exports: { './package.json': './package.json' } },
    ],
  ])('is found by its %s command', (_what, manifest) => {
    const directory = install(manifest, 'dist/main.js')
    expect(findCoreCommand([base()])).toBe(join(directory, 'dist/main.js'))
  })

  test('is looked for in one place after the other', () => {
    install({ bin: { capiscio: 'dist/main.js' } }, 'dist/main.js')
    expect(findCoreCommand([join(tmpdir(), 'nowhere', 'x.js'), base()])).toContain(application)
  })
})

describe('the error says what to do', () => {
  test('when it is not installed', () => {
    const find = (): string => findCoreCommand([base()])
    expect(find).toThrow(CoreNotFoundError)
    expect(find).toThrow('npm install @capiscio/core')
    expect(find).toThrow('CAPISCIO_CORE_ADDR')
  })

  test.each<[what: string, manifest: object]>([
    ['has no command', {}],
    ['has another command', { bin: { other: 'dist/main.js' } }],
    ['was not built', { bin: { capiscio: 'dist/main.js' } }],
  ])('when it %s', (_what, manifest) => {
    install(manifest)
    expect(() => findCoreCommand([base()])).toThrow('was not built')
  })
})
