import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeServerFiles, type ServerFiles, tlsPath } from '../fakes/tls-files.ts'
import { type ServeProcess, startServe } from '../tools/serve-process.ts'
import { goTools } from './go-tools.ts'
import { obtained } from './prepared.ts'
import { pythonBin } from './python-tools.ts'
import { runProgram } from './run-program.ts'

const TOKEN = 'token-for-tests-abcdefghijklmnopqrstuvwxyz'

const python = await obtained('Python with grpcio', pythonBin)
const go = await obtained('grpcurl', goTools)

let files: ServerFiles
let core: ServeProcess
let address: string

beforeAll(async () => {
  files = await makeServerFiles()
  const tokenFile = join(files.folder, 'token')
  writeFileSync(tokenFile, TOKEN, { mode: 0o600 })
  core = await startServe([
    ...['--tls-cert', files.certFile, '--tls-key', files.keyFile],
    ...['--tls-client-ca', files.clientCaFile, '--token-file', tokenFile],
  ])
  address = `localhost:${new URL(core.addresses.tcp).port}`
})

afterAll(async () => {
  await core[Symbol.asyncDispose]()
  await files[Symbol.asyncDispose]()
})

describe.skipIf(python === undefined)('Python over TLS', () => {
  it('is let in with certificate and token, and with nothing less', async () => {
    const script = join(import.meta.dirname, 'python', 'tls.py')
    const report = JSON.parse(await runProgram(join(python ?? '', 'python'), [script, address, tlsPath(''), TOKEN]))
    expect(report).toEqual({
      good: 1,
      noCertificate: 'UNAVAILABLE',
      foreignCertificate: 'UNAVAILABLE',
      foreignAuthority: 'UNAVAILABLE',
      plaintext: 'UNAVAILABLE',
      services: expect.arrayContaining(['capiscio.core.v1.CoreService', 'grpc.health.v1.Health']),
      servicesWithoutToken: 'UNAUTHENTICATED',
    })
  })
})

describe.skipIf(go === undefined)('Go over TLS', () => {
  const list = (...more: readonly string[]): Promise<string> =>
    runProgram(join(go?.bin ?? '', 'grpcurl'), [
      '-max-time',
      '20',
      '-cacert',
      tlsPath('authority.pem'),
      ...more,
      address,
      'list',
    ])
  const mine = ['-cert', tlsPath('client.pem'), '-key', tlsPath('client-key.pem')]
  const token = ['-H', `authorization: Bearer ${TOKEN}`]

  it('is let in with certificate and token', async () => {
    expect(await list(...mine, ...token)).toContain('capiscio.core.v1.CoreService')
  })

  it.each([
    ['token', 'code = Unauthenticated', mine],
    ['certificate', 'Failed to dial', ['-connect-timeout', '3', ...token]],
  ])('is not let in without its %s', async (_what, says, more) => {
    await expect(list(...more)).rejects.toThrow(says)
  })
})
