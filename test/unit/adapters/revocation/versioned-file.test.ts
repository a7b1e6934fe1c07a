import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createVersionedFile } from '../../../../core/src/adapters/revocation/versioned-file.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-file-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

const text = ({ bytes }: { readonly bytes: Uint8Array | undefined }) => bytes && new TextDecoder().decode(bytes)

it('gives a file once for each of its versions, also for the one in which it is not there', async () => {
  const path = join(folder, 'file')
  const file = createVersionedFile(path, 5)
  const absent = await file.read()
  expect(absent.bytes).toBeUndefined()
  expect(await file.read(absent.version)).toBeUndefined()
  await writeFile(path, 'one')
  const one = await file.read()
  expect(text(one)).toBe('one')
  expect(await file.read(one.version)).toBeUndefined()
  await writeFile(path, 'three')
  expect(text((await file.read(one.version)) ?? { bytes: undefined })).toBe('three')
  await rm(path)
  expect((await file.read(one.version))?.bytes).toBeUndefined()
})

it('refuses a file that is too large, and what is no file', async () => {
  await writeFile(join(folder, 'file'), 'longer')
  expect(await rejectionOf(createVersionedFile(join(folder, 'file'), 5).read())).toBe('RangeError')
  expect(await rejectionOf(createVersionedFile(folder, 100_000).read())).toBe('Error EISDIR')
})
