import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CORE_MIN_VERSION, PROTO_VERSION, SDK_VERSION } from '../../../sdk-node/src/index.ts'

test('the SDK names the version of its package, and the contract and core that it needs', () => {
  const manifest = readFileSync(join(import.meta.dirname, '..', '..', '..', 'sdk-node', 'package.json'), 'utf8')
  expect(SDK_VERSION).toBe(JSON.parse(manifest).version)
  expect([PROTO_VERSION, CORE_MIN_VERSION]).toEqual(['1.0', '0.1.0'])
})
