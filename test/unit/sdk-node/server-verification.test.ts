import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  ServerError,
  ServerState,
  ServerTransport,
  type VerifyServerRequest,
  VerifyServerResponseSchema,
} from '@capiscio/proto/core/v1'
import { describe, expect, it } from 'vitest'
import {
  CapiscioError,
  type CoreClient,
  ServerVerifyError,
  verifyServer,
  verifyServerStrict,
} from '../../../sdk-node/src/index.ts'
import { createScriptedClient } from '../../fakes/scripted-client.ts'

const DID = 'did:web:mcp.example.com'
const BADGE = 'eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiIxIn0.c2ln'
const JTI = '550e8400-e29b-41d4-a716-446655440000'

const VERIFIED: MessageInitShape<typeof VerifyServerResponseSchema> = {
  state: ServerState.VERIFIED_PRINCIPAL,
  message: 'The badge verifies.',
  serverDid: DID,
  badgeJti: JTI,
  trustLevel: 0,
}

function clientThat(answers: MessageInitShape<typeof VerifyServerResponseSchema>) {
  const requests: VerifyServerRequest[] = []
  const client: CoreClient = {
    ...createScriptedClient(),
    verifyServer: async (request) => {
      requests.push(request)
      return create(VerifyServerResponseSchema, answers)
    },
  }
  return { client, requests }
}

describe('the question', () => {
  it('carries what was disclosed, how it was reached and what is demanded', async () => {
    const { client, requests } = clientThat(VERIFIED)
    await verifyServer(
      { serverDid: DID, serverBadge: BADGE, transportOrigin: 'https://mcp.example.com', endpointPath: '/mcp' },
      {
        client,
        config: {
          minTrustLevel: 2,
          trustedIssuers: ['https://r.example'],
          requirePop: true,
          popMaxAgeMs: 1500,
          offlineMode: true,
          skipOriginBinding: true,
          acceptLevelZero: true,
        },
      },
    )
    expect(requests[0]).toMatchObject({
      identity: { serverDid: DID, serverBadge: BADGE },
      transport: ServerTransport.HTTP,
      transportOrigin: 'https://mcp.example.com',
      endpointPath: '/mcp',
      config: {
        minTrustLevel: 2,
        trustedIssuers: ['https://r.example'],
        requirePop: true,
        offlineMode: true,
        skipOriginBinding: true,
        acceptLevelZero: true,
        popMaxAge: { seconds: 1n, nanos: 500_000_000 },
      },
    })
  })

  it('without an origin is about a child process', async () => {
    const { client, requests } = clientThat(VERIFIED)
    await verifyServer({ serverDid: DID, serverBadge: BADGE }, { client })
    expect(requests[0]).toMatchObject({ transport: ServerTransport.STDIO, transportOrigin: '' })
  })

  it('carries the exchange of nonce and proof', async () => {
    const { client, requests } = clientThat(VERIFIED)
    const proof = {
      nonce: 'n',
      createdAtMs: 1_500,
      method: 'server/discover',
      signature: 's',
      boundSignature: 'b',
      signedAt: 2,
    } as const
    await verifyServer({ serverDid: DID, proof }, { client })
    expect(requests[0]?.proof).toMatchObject({
      nonce: 'n',
      createdAt: 1n,
      method: 'server/discover',
      signature: 's',
      boundSignature: 'b',
      signedAt: 2n,
    })
  })

  it.each<[object, object]>([
    [{ did: DID }, {}],
    [{ serverDid: 7 }, {}],
    [{}, { config: { minTrustLevel: 5 } }],
    [{}, { config: { minTrustLevel: '2' } }],
    [{}, { config: { trustedIssuers: [] } }],
    [{}, { config: { trustedIssuers: 'https://r.example' } }],
    [{}, { config: { requirePop: 'yes' } }],
    [{}, { config: { popMaxAgeMs: 0 } }],
    [{}, { config: { minimumTrustLevel: 2 } }],
    [{}, { level: 2 }],
    [{}, { timeoutMs: 0 }],
  ])('is wrongly asked with %o and %o', async (server, options) => {
    const { client, requests } = clientThat(VERIFIED)
    await expect(verifyServer(server, { client, ...options })).rejects.toThrow(TypeError)
    expect(requests).toEqual([])
  })

  it('is given up when aborted', async () => {
    const { client, requests } = clientThat(VERIFIED)
    await expect(verifyServer({}, { client, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CALL_ABORTED',
    })
    expect(requests).toEqual([])
  })
})

describe('the answer', () => {
  it('tells level 0 from no level', async () => {
    const { client } = clientThat(VERIFIED)
    expect(await verifyServer({ serverDid: DID, serverBadge: BADGE }, { client })).toEqual({
      state: 'VERIFIED_PRINCIPAL',
      isVerified: true,
      hasIdentity: true,
      errorCode: undefined,
      detail: 'The badge verifies.',
      serverDid: DID,
      badgeJti: JTI,
      trustLevel: 0,
      popVerified: false,
    })
  })

  it.each<[keyof typeof ServerError, string]>([
    ['BADGE_MISSING', 'SERVER_BADGE_MISSING'],
    ['DID_MISMATCH', 'SERVER_DID_MISMATCH'],
    ['BADGE_EXPIRED', 'SERVER_BADGE_EXPIRED'],
    ['POP_EXPIRED', 'SERVER_POP_EXPIRED'],
    ['KEY_FETCH_FAILED', 'SERVER_KEY_FETCH_FAILED'],
  ])('%s is not verified, with its own code, also as an error', async (name, code) => {
    const { client } = clientThat({
      state: ServerState.DECLARED_PRINCIPAL,
      error: ServerError[name],
      message: `No: ${BADGE}`,
      serverDid: DID,
    })
    const server = { serverDid: DID, serverBadge: BADGE }
    expect(await verifyServer(server, { client })).toMatchObject({
      state: 'DECLARED_PRINCIPAL',
      isVerified: false,
      errorCode: code,
      trustLevel: undefined,
      detail: 'No: [redacted]',
    })
    const error = await verifyServerStrict(server, { client }).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(ServerVerifyError)
    expect(error).toBeInstanceOf(CapiscioError)
    expect(error).toMatchObject({ code, state: 'DECLARED_PRINCIPAL', serverDid: DID })
    expect(JSON.stringify([error, error.message])).not.toContain(BADGE)
  })

  it('of unverified origin has no identity', async () => {
    const { client } = clientThat({ state: ServerState.UNVERIFIED_ORIGIN, error: ServerError.IDENTITY_MISSING })
    expect(await verifyServer({}, { client })).toMatchObject({
      state: 'UNVERIFIED_ORIGIN',
      hasIdentity: false,
      serverDid: undefined,
    })
  })

  it('with an error that has no name yet is not verified', async () => {
    const { client } = clientThat({ state: ServerState.DECLARED_PRINCIPAL, error: 99 as ServerError })
    expect(await verifyServer({ serverDid: DID }, { client })).toMatchObject({
      isVerified: false,
      errorCode: 'SERVER_BADGE_INVALID',
    })
  })

  it.each<[string, MessageInitShape<typeof VerifyServerResponseSchema>]>([
    ['an error', { ...VERIFIED, error: ServerError.BADGE_REVOKED }],
    ['another DID', { ...VERIFIED, serverDid: `${DID}:2` }],
    ['no level', { state: ServerState.VERIFIED_PRINCIPAL, serverDid: DID }],
    ['a level that does not exist', { ...VERIFIED, trustLevel: 5 }],
  ])('that verifies with %s is a fault, never a verified server', async (_, answer) => {
    const { client } = clientThat(answer)
    await expect(verifyServer({ serverDid: DID, serverBadge: BADGE }, { client })).rejects.toMatchObject({
      code: 'CORE_FAULT',
    })
  })

  it('in no known state is not verified, nor is its proof', async () => {
    const { client } = clientThat({ ...VERIFIED, state: 9 as ServerState, popVerified: true })
    expect(await verifyServer({ serverDid: DID }, { client })).toMatchObject({
      isVerified: false,
      popVerified: false,
      trustLevel: undefined,
    })
  })
})
