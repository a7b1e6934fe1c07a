import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AdminService, CoreService, Outcome } from '@capiscio/proto/core/v1'
import { credentials, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeServerFiles, tlsPem } from '../fakes/tls-files.ts'
import { createRawClient } from '../tools/raw-client.ts'
import { type ServeProcess, startServe } from '../tools/serve-process.ts'

const TOKEN = 'canary-token-1-abcdefghijklmnopqrstuvwxyz'
const NEXT = 'canary-token-2-abcdefghijklmnopqrstuvwxyz'
const WRONG = 'canary-token-3-abcdefghijklmnopqrstuvwxyz'

let core: ServeProcess
let tokenFile: string
let cleanUp: () => PromiseLike<void>

beforeAll(async () => {
  const files = await makeServerFiles()
  tokenFile = join(files.folder, 'token')
  await writeFile(tokenFile, `${TOKEN}\n`, { mode: 0o600 })
  core = await startServe([], { CAPISCIO_CORE_TOKEN_FILE: tokenFile })
  cleanUp = () => files[Symbol.asyncDispose]()
})

afterAll(async () => {
  await core[Symbol.asyncDispose]()
  await cleanUp()
})

/** gRPC status of a decision asked with this header. */
async function askTcp(authorization?: string): Promise<number> {
  using client = createRawClient(core.addresses.tcp, { headers: authorization === undefined ? {} : { authorization } })
  return await client.call(CoreService.method.evaluateToolAccess, { toolName: 'list_files' }).then(
    () => status.OK,
    ({ code }: { code: number }) => code,
  )
}

async function askWeb(authorization?: string): Promise<number> {
  const response = await fetch(`${core.addresses.http}/capiscio.core.v1.CoreService/EvaluateToolAccess`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) },
    body: '{"toolName":"list_files"}',
  })
  await response.text()
  return response.status
}

async function logSize(): Promise<bigint | undefined> {
  using client = createRawClient(core.addresses.socket)
  return (await client.call(CoreService.method.getServerInfo, {})).evidenceLog?.size
}

describe('a core with a token file', () => {
  it('decides for callers who show a token, on both listeners', async () => {
    expect(await askTcp(`Bearer ${TOKEN}`)).toBe(status.OK)
    expect(await askWeb(`Bearer ${TOKEN}`)).toBe(200)
  })

  it.each([
    ['none', undefined],
    ['a wrong one', `Bearer ${WRONG}`],
    ['half of it', `Bearer ${TOKEN.slice(0, 30)}`],
    ['it in another scheme', `Basic ${TOKEN}`],
  ])('decides nothing for callers who show %s, and records nothing', async (_what, authorization) => {
    const before = await logSize()
    expect(await askTcp(authorization)).toBe(status.UNAUTHENTICATED)
    expect(await askWeb(authorization)).toBe(401)
    expect(await logSize()).toBe(before)
  })

  it('tells callers what to do', async () => {
    using client = createRawClient(core.addresses.tcp)
    await expect(client.call(CoreService.method.getServerInfo, {})).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('CAPISCIO_CORE_TOKEN'),
    })
  })

  it('wants it with every kind of call, but health', async () => {
    using client = createRawClient(core.addresses.tcp)
    const codeOf = (path: string): Promise<number> =>
      client.callBytes(path, new Uint8Array()).then(
        () => status.OK,
        ({ code }: { code: number }) => code,
      )
    for (const path of [
      '/capiscio.core.v1.CoreService/EvaluateToolAccessStream',
      '/capiscio.core.v1.AdminService/Reload',
      '/capiscio.v1.MCPService/Health',
      '/capiscio.v1.BadgeService/StartKeeper',
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
    ]) {
      expect([path, await codeOf(path)]).toEqual([path, status.UNAUTHENTICATED])
    }
    expect(await codeOf('/grpc.health.v1.Health/Check')).toBe(status.OK)
    for (const path of ['/healthz', '/readyz']) expect((await fetch(core.addresses.http + path)).status).toBe(200)
  })

  it('wants none on the Unix socket', async () => {
    using client = createRawClient(core.addresses.socket)
    const { decision } = await client.call(CoreService.method.evaluateToolAccess, { toolName: 'list_files' })
    expect(decision?.outcome).toBe(Outcome.ALLOW)
  })

  it('takes up a new token, beside the old one and then instead of it', async () => {
    await writeFile(tokenFile, `${NEXT}\n${TOKEN}\n`)
    await expect.poll(() => askTcp(`Bearer ${NEXT}`), { timeout: 20_000 }).toBe(status.OK)
    expect(await askWeb(`Bearer ${TOKEN}`)).toBe(200)
    await writeFile(tokenFile, `${NEXT}\n`)
    await expect.poll(() => askTcp(`Bearer ${TOKEN}`), { timeout: 20_000 }).toBe(status.UNAUTHENTICATED)
    expect(await askWeb(`Bearer ${NEXT}`)).toBe(200)
    await writeFile(tokenFile, 'canary-broken')
    await expect.poll(() => core.output(), { timeout: 20_000 }).toContain('The tokens that were valid stay valid')
    expect(await askTcp(`Bearer ${NEXT}`)).toBe(status.OK)
  })

  it('says nothing of any token, at any log level', () => {
    expect(core.output()).toContain('"event":"request_refused"')
    expect(core.output()).not.toContain('canary')
  })
})

describe('a privileged call over the web listener', () => {
  const generate = (headers: Record<string, string>) =>
    fetch(`${core.addresses.http}/capiscio.core.v1.CoreService/RegisterIdentity`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${NEXT}`, ...headers },
      body: '{}',
    })

  it('is refused to pages', async () => {
    expect((await generate({ 'sec-fetch-site': 'same-origin' })).status).toBe(403)
  })

  it('is not refused for that reason to programs on this machine', async () => {
    expect((await generate({})).status).not.toBe(403)
  })
})

describe('token and TLS together', () => {
  it('both are wanted', async () => {
    await using files = await makeServerFiles()
    const path = join(files.folder, 'token')
    await writeFile(path, TOKEN, { mode: 0o600 })
    await using secured = await startServe([
      ...['--tls-cert', files.certFile, '--tls-key', files.keyFile],
      ...['--tls-client-ca', files.clientCaFile, '--token-file', path],
    ])
    const pem = async (name: string) => Buffer.from(await tlsPem(name))
    const channel = credentials.createSsl(
      await pem('authority.pem'),
      await pem('client-key.pem'),
      await pem('client.pem'),
    )
    const { host } = new URL(secured.addresses.tcp)
    using without = createRawClient(host, { channel })
    await expect(without.call(AdminService.method.reload, {})).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
    using client = createRawClient(host, { channel, headers: { authorization: `Bearer ${TOKEN}` } })
    expect((await client.call(CoreService.method.getServerInfo, {})).ready).toBe(true)
  })
})
