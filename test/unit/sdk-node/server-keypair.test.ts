import { createHash, createPrivateKey, createPublicKey } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toDidKey } from '../../../core/src/domain/did/did-key.ts'
import { defaultKeyId } from '../../../core/src/domain/did/key-id.ts'
import {
  CapiscioError,
  type GenerateServerKeypairOptions,
  generateServerKeypair,
  generateServerKeypairSync,
  KeyGenerationError,
} from '../../../sdk-node/src/index.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-keypair-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

const modeOf = (path: string): number => statSync(path).mode & 0o777

describe.each([
  ['generateServerKeypair', generateServerKeypair],
  ['generateServerKeypairSync', async (options?: GenerateServerKeypairOptions) => generateServerKeypairSync(options)],
])('%s', (_name, generate) => {
  test('gives one key in all its forms, as a core would name it', async () => {
    const pair = await generate()
    const { x = '' } = createPublicKey(pair.publicKeyPem).export({ format: 'jwk' })
    expect(createPrivateKey(pair.privateKeyPem).export({ format: 'jwk' }).x).toBe(x)
    const raw = new Uint8Array(Buffer.from(x, 'base64url'))
    expect(pair.didKey).toBe(toDidKey(raw))
    expect(pair.keyId).toBe(defaultKeyId(raw))
    expect(pair.privateKeyPath).toBeUndefined()
  })

  test('makes another each time', async () => {
    expect((await generate({ keyId: 'a' })).didKey).not.toBe((await generate({ keyId: 'a' })).didKey)
  })

  test('writes the private key for its owner only, whatever the umask is, and nothing else', async () => {
    const outputDir = join(folder, 'deep', 'keys')
    const before = process.umask(0)
    try {
      const pair = await generate({ keyId: 'mine', outputDir })
      expect(pair.privateKeyPath).toBe(join(outputDir, 'mine.pem'))
      expect(readFileSync(join(outputDir, 'mine.pem'), 'utf8')).toBe(pair.privateKeyPem)
    } finally {
      process.umask(before)
    }
    expect(modeOf(join(outputDir, 'mine.pem'))).toBe(0o600)
    expect([modeOf(outputDir), modeOf(join(folder, 'deep'))]).toEqual([0o700, 0o700])
    expect(readdirSync(outputDir)).toEqual(['mine.pem'])
  })

  test('never replaces a key', async () => {
    await generate({ keyId: 'mine', outputDir: folder })
    const before = readFileSync(join(folder, 'mine.pem'), 'utf8')
    const error = await generate({ keyId: 'mine', outputDir: folder }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(KeyGenerationError)
    expect(error).toBeInstanceOf(CapiscioError)
    expect(error).toMatchObject({
      code: 'KEY_GENERATION_FAILED',
      message: expect.stringContaining('choose another name'),
    })
    expect(readFileSync(join(folder, 'mine.pem'), 'utf8')).toBe(before)
    expect(readdirSync(folder)).toEqual(['mine.pem'])
  })

  test('says what keeps it from writing, and leaves nothing behind', async () => {
    writeFileSync(join(folder, 'file'), '')
    const failing = generate({ keyId: 'mine', outputDir: join(folder, 'file') })
    await expect(failing).rejects.toMatchObject({ code: 'KEY_GENERATION_FAILED' })
    expect(readdirSync(folder)).toEqual(['file'])
  })

  test.each(['', '.', '..', '../a', 'a/b', 'a\\b', '.a', '-a', 'a b', 'a\0', 'ä', 'a'.repeat(129)])(
    'refuses the name %j',
    async (keyId) => {
      await expect(generate({ keyId, outputDir: folder })).rejects.toBeInstanceOf(KeyGenerationError)
      expect(readdirSync(folder)).toEqual([])
    },
  )

  test.each([{ keyId: 1 }, { outputDir: 1 }, { outputDir: '' }, { keyid: 'a' }, null])(
    'refuses the options %j',
    async (options) => {
      await expect((async () => generate(options as never))()).rejects.toBeInstanceOf(TypeError)
    },
  )
})

test('the default name is made as the old contract has it', () => {
  const { keyId, publicKeyPem } = generateServerKeypairSync()
  const { x = '' } = createPublicKey(publicKeyPem).export({ format: 'jwk' })
  const digest = createHash('sha256').update(Buffer.from(x, 'base64url')).digest()
  expect(keyId).toBe(`key-${digest.subarray(0, 4).toString('base64url')}`)
})
