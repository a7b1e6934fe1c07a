import { AdminService, CoreService, EvidenceService } from '@capiscio/proto/core/v1'
import { BadgeService } from '@capiscio/proto/v1'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { implementService } from '../../../core/src/service/service-implementation.ts'
import { createAdminGate } from '../../../core/src/transport/admin-gate.ts'
import { createCallGate } from '../../../core/src/transport/call-gate.ts'
import { type CallOrigin, UNIX_ORIGIN } from '../../../core/src/transport/call-origin.ts'
import { toGrpcService } from '../../../core/src/transport/grpc-handlers.ts'
import { createRawClient, type RawClient } from '../../tools/raw-client.ts'

const NEAR: CallOrigin = { listener: 'tcp', peerAddress: '127.0.0.1', certificate: false, browser: false }
const FAR: CallOrigin = { ...NEAR, peerAddress: '192.0.2.7' }

const TOKEN = 'a'.repeat(43)
const admin = createAdminGate(TOKEN)
const server = new Server()
const refused: string[] = []
let origin: CallOrigin
let handled: string[] = []
let client: RawClient
let address: string

beforeAll(async () => {
  const telemetry = {
    requestRefused: ({ method, status }: { method: string; status: string }) =>
      void refused.push(`${method} ${status}`),
  }
  const services = [
    implementService(CoreService, {
      async generateKeypair() {
        handled.push('generateKeypair')
        return {}
      },
      async getServerInfo() {
        handled.push('getServerInfo')
        return {}
      },
    }),
    implementService(EvidenceService, {}),
    implementService(AdminService, {}),
    implementService(BadgeService, {}),
  ]
  for (const service of services) {
    const { definition, handlers } = toGrpcService(service, createCallGate(), telemetry as never, () => origin, admin)
    server.addService(definition, handlers)
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  address = `127.0.0.1:${port}`
  client = createRawClient(address)
})

afterAll(() => {
  client[Symbol.dispose]()
  server.forceShutdown()
})

const PRIVILEGED = [
  ['an answer', CoreService.method.generateKeypair, 0],
  ['a stream', BadgeService.method.startKeeper, status.UNIMPLEMENTED],
  ['a method that is not offered', BadgeService.method.signBadge, status.UNIMPLEMENTED],
] as const

describe.each(PRIVILEGED)('a privileged call with %s', (_what, method, near) => {
  const path = `/${method.parent.typeName}/${method.name}`
  // What is no message of any kind: a call that may not be made is refused before it is read.
  const call = (bytes: Uint8Array) =>
    client.callBytes(path, bytes).then(
      () => 0,
      (error: { code: number }) => error.code,
    )

  it('is refused from elsewhere, unread and counted', async () => {
    origin = FAR
    handled = []
    refused.length = 0
    expect(await call(Uint8Array.of(0xff))).toBe(status.PERMISSION_DENIED)
    expect(handled).toEqual([])
    expect(refused).toEqual([`${path} PERMISSION_DENIED`])
  })

  it('is served on this machine', async () => {
    origin = NEAR
    expect(await call(new Uint8Array())).toBe(near)
  })
})

it('an ordinary call is served from elsewhere', async () => {
  origin = FAR
  handled = []
  await client.call(CoreService.method.getServerInfo, {})
  expect(handled).toEqual(['getServerInfo'])
})

describe("an operator's call", () => {
  const path = '/capiscio.core.v1.AdminService/Reload'
  const call = async (authorization?: string) => {
    using caller = createRawClient(address, { headers: authorization === undefined ? {} : { authorization } })
    return await caller.callBytes(path, Uint8Array.of(0xff)).catch((error: { code: number }) => error.code)
  }

  it('wants the admin token, before it is read', async () => {
    origin = NEAR
    refused.length = 0
    expect(await call()).toBe(status.UNAUTHENTICATED)
    expect(await call(`Bearer ${TOKEN.slice(1)}`)).toBe(status.PERMISSION_DENIED)
    expect(refused).toEqual([`${path} UNAUTHENTICATED`, `${path} PERMISSION_DENIED`])
    expect(await call(`Bearer ${TOKEN}`)).toBe(status.UNIMPLEMENTED)
  })

  it('is refused from elsewhere with the token, too', async () => {
    origin = FAR
    expect(await call(`Bearer ${TOKEN}`)).toBe(status.PERMISSION_DENIED)
  })

  it('wants no token over a Unix socket', async () => {
    origin = UNIX_ORIGIN
    expect(await call()).toBe(status.UNIMPLEMENTED)
  })
})
