import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { CoreService, DenyReason, Outcome } from '@capiscio/proto/core/v1'
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '@capiscio/proto/grpc/health/v1'
import { Client, credentials } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CoreProcess, startDevCore } from '../tools/core-process.ts'
import { createRawClient } from '../tools/raw-client.ts'

let folder: string
let core: CoreProcess

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-evidence-failure-'))
  core = await startDevCore(folder)
})

afterEach(async () => {
  await core.kill()
  await rm(folder, { recursive: true, force: true })
})

/** Takes the journal away under the running core: the next append cannot be trusted. */
async function breakJournal(): Promise<void> {
  const [id = ''] = await readdir(join(folder, 'evidence', 'logs'))
  await rm(join(folder, 'evidence', 'logs', id, 'journal'), { recursive: true })
}

/** Statuses that a health watch of `service` receives, as they come. */
function watchHealth(service: string): { readonly statuses: ServingStatus[]; close(): void } {
  const client = new Client(core.address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  const pass = (bytes: Buffer): Buffer => bytes
  const request = Buffer.from(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service })))
  const call = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', pass, pass, request)
  const statuses: ServingStatus[] = []
  call.on('data', (bytes: Buffer) => statuses.push(fromBinary(HealthCheckResponseSchema, bytes).status))
  call.on('error', () => {})
  return {
    statuses,
    close() {
      call.cancel()
      client.close()
    },
  }
}

describe('when the evidence log can no longer be written', () => {
  it('nothing is allowed any more, every answer says why, and health tells at once', async () => {
    using client = createRawClient(core.address)
    const ask = async () =>
      (await client.call(CoreService.method.evaluateToolAccess, { toolName: 'list_files' })).decision
    expect(await ask()).toMatchObject({ outcome: Outcome.ALLOW })
    const whole = watchHealth('')
    const service = watchHealth('capiscio.core.v1.CoreService')
    await expect
      .poll(() => [whole.statuses, service.statuses])
      .toEqual([[ServingStatus.SERVING], [ServingStatus.SERVING]])

    await breakJournal()
    for (let again = 0; again < 3; again += 1) {
      const decision = await ask()
      expect(decision).toMatchObject({
        outcome: Outcome.DENY,
        reason: DenyReason.EVIDENCE_UNAVAILABLE,
        code: 'EVIDENCE_UNAVAILABLE',
        evidenceId: '',
      })
      expect(decision?.leafIndex).toBeUndefined()
    }

    const told = [ServingStatus.SERVING, ServingStatus.NOT_SERVING]
    await expect.poll(() => [whole.statuses, service.statuses]).toEqual([told, told])
    const ready = await fetch(`${core.http}/readyz`)
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('evidence log cannot be written')])
    expect((await fetch(`${core.http}/healthz`)).status).toBe(200)
    expect(await (await fetch(`${core.http}/metrics`)).text()).toMatch(/^capiscio_evidence_writable 0$/m)
    const info = await client.call(CoreService.method.getServerInfo, {})
    expect(info).toMatchObject({ ready: false, evidenceLog: { writable: false } })
    whole.close()
    service.close()
  })
})

describe('a health watch of a service that is not served', () => {
  it('says so', async () => {
    const unknown = watchHealth('no.such.Service')
    await expect.poll(() => unknown.statuses).toEqual([ServingStatus.SERVICE_UNKNOWN])
    unknown.close()
  })
})
