import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createConfiguredIssuerKeys } from '../../../../core/src/adapters/trust/configured-issuer-keys.ts'

const ISSUER = 'https://registry.example.com'
/** The time that build tools give every file. */
const EPOCH = new Date(1_000)

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-keys-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

it('a key file is read again also when its copy has the size and the time of the one before', async () => {
  const path = join(folder, 'jwks.json')
  const publish = async (text: string): Promise<void> => {
    await writeFile(path, text)
    await utimes(path, EPOCH, EPOCH)
  }
  let nowMs = 0
  const source = createConfiguredIssuerKeys(new Map([[ISSUER, { kind: 'file', path }]]), () => nowMs)
  await publish('{"keys":["old"]}')
  const before = await source.keySet(ISSUER)
  await publish('{"keys":["new"]}')
  nowMs += 4_999
  expect(await source.keySet(ISSUER)).toEqual(before)
  nowMs += 1
  expect((await source.keySet(ISSUER)).jwks).toBe('{"keys":["new"]}')
  expect((await source.keySet(ISSUER)).version).not.toBe(before.version)
})
