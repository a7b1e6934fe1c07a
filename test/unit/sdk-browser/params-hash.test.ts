import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { computeParamsHash } from '../../../sdk-browser/src/params-hash.ts'
import { computeParamsHash as computeInNode } from '../../../sdk-node/src/params-hash.ts'
import { sharedVectors } from '../../tools/shared-vectors.ts'

const VECTORS = join(import.meta.dirname, '..', '..', 'vectors', 'params-hash')

function read<T>(file: string): T[] {
  return JSON.parse(readFileSync(join(VECTORS, file), 'utf8'))
}

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('the published hashes', () => {
  test.each(read<{ name: string; input: string; hash: string }>('golden.json'))(
    'hold for $name',
    async ({ input, hash }) => {
      expect(await computeParamsHash(JSON.parse(input))).toBe(hash)
    },
  )

  test.each(read<{ name: string; input: string; path: string }>('refused.json'))(
    'exist not for $name',
    async ({ input, path }) => {
      const refusal = computeParamsHash(JSON.parse(input))
      await expect(refusal).rejects.toThrow(TypeError)
      await expect(refusal).rejects.toThrow(`${path} `)
    },
  )
})

const vectors = sharedVectors('jcs')
if (vectors === undefined) console.log('The RFC 8785 vectors are not beside this checkout: their tests are skipped.')

describe.skipIf(vectors === undefined)('the vectors of RFC 8785', () => {
  const directory = vectors ?? ''
  test.each(vectors === undefined ? [] : readdirSync(join(directory, 'input')))('hold for %s', async (file) => {
    const value: unknown = JSON.parse(readFileSync(join(directory, 'input', file), 'utf8'))
    const digest = createHash('sha256')
      .update(readFileSync(join(directory, 'output', file)))
      .digest('base64url')
    expect(await computeParamsHash(value)).toBe(`sha256:${digest}`)
  })
})

describe('the hash', () => {
  test('is that of the SDK for Node, for every JSON value', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        expect(await computeParamsHash(value)).toBe(computeInNode(value))
      }),
    )
  })

  test.each<[what: string, value: unknown]>([
    ['nothing', undefined],
    ['an undefined member', { a: undefined }],
    ['a date', { when: new Date(0) }],
    ['a toJSON method', { toJSON: () => 'x' }],
    ['a BigInt', 1n],
    ['infinity', [1 / 0]],
  ])('is refused for %s', async (_what, value) => {
    await expect(computeParamsHash(value)).rejects.toThrow(TypeError)
  })

  test('is of the value as it was when it was asked for', async () => {
    const value = { list: [1] }
    const hashing = computeParamsHash(value)
    value.list.push(2)
    expect(await hashing).toBe(computeInNode({ list: [1] }))
  })

  test.each([
    ['has no WebCrypto', undefined],
    ['has it for secure pages only', {}],
  ])('cannot be had where the browser %s', async (_what, crypto) => {
    vi.stubGlobal('crypto', crypto)
    await expect(computeParamsHash({})).rejects.toThrow(/https or from localhost/)
  })
})
