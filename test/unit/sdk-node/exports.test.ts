import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as sdk from '../../../sdk-node/src/index.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const README = readFileSync(join(ROOT, 'sdk-node', 'README.md'), 'utf8')
const PAGES = ['mcp.md', 'migrating-from-python.md'].map((page) => readFileSync(join(ROOT, 'docs', page), 'utf8'))

const isError = (value: unknown): value is typeof Error =>
  typeof value === 'function' && value.prototype instanceof Error

describe('what the package exports', () => {
  test('is all written about: whatever is not, nobody should have to rely on', () => {
    const words = new Set([README, ...PAGES].join('\n').match(/\w+/g))
    expect(Object.keys(sdk).filter((name) => !words.has(name))).toEqual([])
  })

  test('has one base class for its errors, each of them in the table of the README', () => {
    const errors = Object.entries(sdk).filter(([, value]) => isError(value))
    expect(errors.length).toBeGreaterThan(20)
    for (const [name, value] of errors) {
      if (name === 'CapiscioError') continue
      expect((value as unknown as typeof Error).prototype, name).toBeInstanceOf(sdk.CapiscioError)
      expect(README, name).toMatch(new RegExp(`^\\| \`${name}\` `, 'm'))
    }
  })
})
