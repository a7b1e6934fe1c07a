import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFieldSet } from '@bufbuild/protobuf'
import {
  CoreService,
  ServerError,
  ServerState,
  ServerTransport,
  VerifyServerResponseSchema,
} from '@capiscio/proto/core/v1'
import { MCPServerErrorCode, MCPServerState, MCPService } from '@capiscio/proto/v1'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'
import { createRawClient, type RawClient } from '../tools/raw-client.ts'

const { verifyServer } = CoreService.method
const { verifyServerIdentity } = MCPService.method

/** Any badge can be a server's: what counts is its subject. */
const DID = 'did:web:registry.capiscio.invalid:agents:example-agent'
const ORIGIN = 'https://registry.capiscio.invalid'
const PATH = '/agents/example-agent'

let core: CoreProcess
let client: RawClient
let serverBadge: string

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-server-')))
  client = createRawClient(core.address)
  serverBadge = await devCredential(core.folder, 'badges', 'level-2.jwt')
})

afterAll(async () => {
  client[Symbol.dispose]()
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

describe('CoreService.VerifyServer', () => {
  it('answers a verified server field by field', async () => {
    const answer = await client.call(verifyServer, {
      identity: { serverDid: DID, serverBadge },
      transportOrigin: ORIGIN,
      endpointPath: PATH,
    })
    expect(answer).toMatchObject({
      state: ServerState.VERIFIED_PRINCIPAL,
      error: ServerError.UNSPECIFIED,
      code: '',
      serverDid: DID,
      trustLevel: 2,
      popVerified: false,
    })
    expect(answer.badgeJti).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('answers a server at another place with code, DID and jti, and without a level', async () => {
    const answer = await client.call(verifyServer, {
      identity: { serverDid: DID, serverBadge },
      transport: ServerTransport.HTTP,
      transportOrigin: ORIGIN,
      endpointPath: '/agents/example-agent-2',
    })
    expect(answer).toMatchObject({
      state: ServerState.DECLARED_PRINCIPAL,
      error: ServerError.PATH_MISMATCH,
      code: 'SERVER_PATH_MISMATCH',
      serverDid: DID,
    })
    expect(isFieldSet(answer, VerifyServerResponseSchema.field.trustLevel)).toBe(false)
    expect(answer.badgeJti).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('answers an expired badge under its RFC code with the finer error', async () => {
    const expired = await devCredential(core.folder, 'badges', 'expired.jwt')
    const answer = await client.call(verifyServer, { identity: { serverDid: DID, serverBadge: expired } })
    expect(answer).toMatchObject({ error: ServerError.BADGE_EXPIRED, code: 'SERVER_BADGE_INVALID' })
  })

  it('answers a server without identity', async () => {
    expect(await client.call(verifyServer, {})).toMatchObject({
      state: ServerState.UNVERIFIED_ORIGIN,
      error: ServerError.IDENTITY_MISSING,
      code: 'SERVER_IDENTITY_MISSING',
    })
  })

  it('demands a proof of possession when asked to', async () => {
    const answer = await client.call(verifyServer, {
      identity: { serverDid: DID, serverBadge },
      config: { requirePop: true },
    })
    expect(answer).toMatchObject({ state: ServerState.DECLARED_PRINCIPAL, code: 'SERVER_POP_FAILED' })
  })

  it.each<[string, object]>([
    ['transport_origin', { transport: ServerTransport.HTTP, transportOrigin: 'mcp.example.com' }],
    ['transport_origin', { transport: ServerTransport.HTTP }],
    ['transport_origin', { transportOrigin: 'https://user@mcp.example.com' }],
    ['transport_origin', { transportOrigin: 'file:///etc/passwd' }],
    ['transport_origin', { transport: ServerTransport.STDIO, transportOrigin: ORIGIN }],
    ['endpoint_path', { transport: ServerTransport.STDIO, endpointPath: '/mcp' }],
    ['endpoint_path', { transportOrigin: ORIGIN, endpointPath: 'mcp' }],
    ['transport', { transport: 9 }],
    ['proof.nonce', { proof: { createdAt: 1n } }],
    ['proof.created_at', { proof: { nonce: 'x' } }],
    ['proof.method', { proof: { nonce: 'x', createdAt: 1n, method: 'tools/call' } }],
    ['config.min_trust_level', { config: { minTrustLevel: 5 } }],
    ['config.trusted_issuers', { config: { trustedIssuers: Array.from({ length: 300 }, () => 'https://a.example') } }],
    ['config.pop_max_age', { config: { popMaxAge: { seconds: 601n } } }],
    ['config.pop_max_age', { config: { popMaxAge: { seconds: -1n } } }],
  ])('refuses a request whose %s is wrong', async (field, request) => {
    const fault = await client
      .call(verifyServer, { identity: { serverDid: DID, serverBadge }, ...request })
      .catch((e) => e)
    expect(fault).toMatchObject({ code: status.INVALID_ARGUMENT })
    expect(fault.details).toContain(`${field}: `)
  })
})

describe('MCPService.VerifyServerIdentity', () => {
  const request = { serverDid: '', serverBadge: '', transportOrigin: '', endpointPath: '' }

  it('answers a verified server field by field', async () => {
    const answer = await client.call(verifyServerIdentity, {
      ...request,
      serverDid: DID,
      serverBadge,
      transportOrigin: ORIGIN,
      endpointPath: PATH,
      config: { minTrustLevel: 2 },
    })
    expect(answer).toMatchObject({
      state: MCPServerState.MCP_SERVER_STATE_VERIFIED_PRINCIPAL,
      trustLevel: 2,
      serverDid: DID,
      errorCode: MCPServerErrorCode.MCP_SERVER_ERROR_NONE,
      errorDetail: '',
    })
  })

  it.each<[string, object, MCPServerErrorCode, string]>([
    ['no identity', { serverDid: '' }, MCPServerErrorCode.MCP_SERVER_ERROR_DID_INVALID, 'SERVER_IDENTITY_MISSING'],
    ['no badge', { serverBadge: '' }, MCPServerErrorCode.MCP_SERVER_ERROR_NONE, 'SERVER_BADGE_MISSING'],
    ['no DID', { serverDid: 'x' }, MCPServerErrorCode.MCP_SERVER_ERROR_DID_INVALID, 'SERVER_DID_RESOLUTION_FAILED'],
    [
      'another DID',
      { serverDid: `${DID}-2` },
      MCPServerErrorCode.MCP_SERVER_ERROR_BADGE_INVALID,
      'SERVER_DID_MISMATCH',
    ],
    [
      'another host',
      { transportOrigin: 'https://evil.example' },
      MCPServerErrorCode.MCP_SERVER_ERROR_ORIGIN_MISMATCH,
      'SERVER_DOMAIN_MISMATCH',
    ],
    [
      'another path',
      { transportOrigin: ORIGIN, endpointPath: '/x' },
      MCPServerErrorCode.MCP_SERVER_ERROR_PATH_MISMATCH,
      'SERVER_PATH_MISMATCH',
    ],
    [
      'too low a level',
      { config: { minTrustLevel: 3 } },
      MCPServerErrorCode.MCP_SERVER_ERROR_TRUST_INSUFFICIENT,
      'SERVER_TRUST_INSUFFICIENT',
    ],
    [
      'an issuer that the client does not trust',
      { config: { trustedIssuers: ['https://other.example'] } },
      MCPServerErrorCode.MCP_SERVER_ERROR_ISSUER_UNTRUSTED,
      'SERVER_ISSUER_UNTRUSTED',
    ],
  ])('answers %s with number and code, and no level', async (_, changes, errorCode, code) => {
    const answer = await client.call(verifyServerIdentity, { ...request, serverDid: DID, serverBadge, ...changes })
    expect(answer).toMatchObject({ trustLevel: 0, errorCode })
    expect(answer.state).not.toBe(MCPServerState.MCP_SERVER_STATE_VERIFIED_PRINCIPAL)
    expect(answer.errorDetail.startsWith(`${code}: `)).toBe(true)
  })

  it('skips the comparison with the origin for a trusted gateway', async () => {
    const answer = await client.call(verifyServerIdentity, {
      ...request,
      serverDid: DID,
      serverBadge,
      transportOrigin: 'https://gateway.example',
      config: { skipOriginBinding: true },
    })
    expect(answer.state).toBe(MCPServerState.MCP_SERVER_STATE_VERIFIED_PRINCIPAL)
  })

  it.each([
    { transportOrigin: 'mcp.example.com' },
    { config: { minTrustLevel: -1 } },
    { config: { minTrustLevel: 5 } },
    { config: { trustedIssuers: Array.from({ length: 300 }, () => 'https://a.example') } },
  ])('refuses a malformed request: %o', async (changes) => {
    const fault = await client
      .call(verifyServerIdentity, { ...request, serverDid: DID, serverBadge, ...changes })
      .catch((e) => e)
    expect(fault).toMatchObject({ code: status.INVALID_ARGUMENT })
  })
})
