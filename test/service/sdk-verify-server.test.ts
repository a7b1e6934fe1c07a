import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCoreClient as createPageClient } from '../../sdk-browser/src/index.ts'
import { createCoreClient, verifyServer, verifyServerStrict } from '../../sdk-node/src/index.ts'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'

const DID = 'did:web:registry.capiscio.invalid:agents:example-agent'
const ORIGIN = 'https://registry.capiscio.invalid'

let core: CoreProcess
let serverBadge: string

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-verify-')))
  serverBadge = await devCredential(core.folder, 'badges', 'level-2.jwt')
})

afterAll(async () => {
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

describe('a server that is asked about through a real core', () => {
  it('is verified for Node and for a page alike', async () => {
    await using client = createCoreClient({ address: core.address })
    const page = createPageClient({ baseUrl: core.http })
    const server = { serverDid: DID, serverBadge, transportOrigin: ORIGIN, endpointPath: '/agents/example-agent' }
    const seen = await verifyServer(server, { client })
    expect(seen).toMatchObject({ state: 'VERIFIED_PRINCIPAL', isVerified: true, trustLevel: 2, serverDid: DID })
    expect(await page.verifyServer(server)).toEqual(seen)
  })

  it('is refused by name of the check that failed', async () => {
    await using client = createCoreClient({ address: core.address })
    const page = createPageClient({ baseUrl: core.http })
    const elsewhere = { serverDid: DID, serverBadge, transportOrigin: 'https://evil.example' }
    expect(await page.verifyServer(elsewhere)).toMatchObject({ isVerified: false, errorCode: 'SERVER_DOMAIN_MISMATCH' })
    await expect(verifyServerStrict(elsewhere, { client })).rejects.toMatchObject({
      name: 'ServerVerifyError',
      code: 'SERVER_DOMAIN_MISMATCH',
      state: 'DECLARED_PRINCIPAL',
    })
    const stdio = { serverDid: DID, serverBadge }
    await expect(verifyServerStrict(stdio, { client, config: { minTrustLevel: 3 } })).rejects.toMatchObject({
      code: 'SERVER_TRUST_INSUFFICIENT',
    })
    await expect(verifyServerStrict(stdio, { client, config: { requirePop: true } })).rejects.toMatchObject({
      code: 'SERVER_POP_FAILED',
    })
    expect(await page.verifyServer(stdio, { config: { minTrustLevel: 2 } })).toMatchObject({ isVerified: true })
  })

  it('is not asked about with an origin that is none', async () => {
    await using client = createCoreClient({ address: core.address })
    await expect(verifyServer({ serverDid: DID, transportOrigin: 'evil' }, { client })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      fieldViolations: [{ field: 'transport_origin' }],
    })
  })
})
