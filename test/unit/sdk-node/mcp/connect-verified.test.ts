import { setImmediate as turn } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import { ServerError, ServerState, type VerifyServerRequest, VerifyServerResponseSchema } from '@capiscio/proto/core/v1'
import type { McpMessage } from '@capiscio/proto/mcp'
import { Client as ClientV2 } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { describe, expect, it } from 'vitest'
import { type ConnectVerifiedOptions, connectVerified, withAbortSignal } from '../../../../sdk-node/src/index.ts'
import type { TransportLike } from '../../../../sdk-node/src/mcp/transport-like.ts'
import { createScriptedClient } from '../../../fakes/scripted-client.ts'

const DID = 'did:web:files.example'
const BADGE = 'canary.badge.text'

type Answer = 'verified' | 'expired' | 'unreachable'

/** A legacy server that is played by the test, behind a transport that keeps what reached it. */
function playServer(disclosed: object = { capiscio_server_did: DID, capiscio_server_badge: 'badge' }) {
  const reached: McpMessage[] = []
  const transport: TransportLike = {
    start: async () => {},
    close: async () => transport.onclose?.(),
    async send(message: McpMessage) {
      reached.push(message)
      const capabilities = { tools: {} }
      const handshake = { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 's', version: '1' } }
      if (message.method === 'initialize') say({ id: message.id, result: { ...handshake, _meta: disclosed } })
      if (message.method === 'tools/call') say({ id: message.id, result: { content: [] } })
    },
  }
  const say = (message: object): void => transport.onmessage?.({ jsonrpc: '2.0', ...message })
  return { transport, say, methods: () => reached.map(({ method }) => method ?? 'reply'), reached }
}

/** A core that answers when the test says so. */
function playCore() {
  const asked: { request: VerifyServerRequest; answer: (answer: Answer) => void; signal: AbortSignal | undefined }[] =
    []
  const client = createScriptedClient()
  client.verifyServer = async (request, options) => {
    const answered = Promise.withResolvers<Answer>()
    asked.push({ request, answer: answered.resolve, signal: options?.signal })
    const answer = await answered.promise
    if (answer === 'unreachable') throw new Error('no core')
    const serverDid = request.identity?.serverDid ?? ''
    const verified = { state: ServerState.VERIFIED_PRINCIPAL, serverDid, trustLevel: 1 }
    const expired = { state: ServerState.DECLARED_PRINCIPAL, serverDid, error: ServerError.BADGE_REVOKED }
    const nobody = { state: ServerState.UNVERIFIED_ORIGIN, error: ServerError.IDENTITY_MISSING }
    return create(VerifyServerResponseSchema, serverDid === '' ? nobody : answer === 'verified' ? verified : expired)
  }
  return { asked, client }
}

const SDKS = [
  [
    'v1',
    () => {
      const mcp = new ClientV1({ name: 'c', version: '1' }, { capabilities: { roots: {} } })
      const call = (signal?: AbortSignal) =>
        mcp.callTool({ name: 't', arguments: {} }, undefined, { ...(signal && { signal }) })
      return { mcp, call }
    },
  ],
  [
    'v2',
    () => {
      const mcp = new ClientV2({ name: 'c', version: '1' }, { capabilities: { roots: {} } })
      return {
        mcp,
        call: (signal?: AbortSignal) => mcp.callTool({ name: 't', arguments: {} }, { ...(signal && { signal }) }),
      }
    },
  ],
] as const

/** Until nothing moves any more. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn()
}

/** Until a verification of before is older than `recheckMs: 1`. */
async function outlived(): Promise<void> {
  const start = performance.now()
  while (performance.now() - start < 2) await turn()
}

const errorOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it must fail'),
    (error) => error,
  )

describe.each(SDKS)('a client of SDK %s', (_sdk, make) => {
  async function begin(options: ConnectVerifiedOptions = {}, disclosed?: object) {
    const server = playServer(disclosed)
    const core = playCore()
    const client = make()
    const connecting = connectVerified(client.mcp, server.transport, { client: core.client, ...options })
    connecting.catch(() => undefined)
    await settled()
    const answer = async (given: Answer): Promise<void> => {
      core.asked.at(-1)?.answer(given)
      await settled()
    }
    return { ...client, server, core, connecting, answer }
  }

  it('never sends a call that was cancelled while the server was looked at', async () => {
    const { call, server, answer, connecting } = await begin()
    const giveUp = new AbortController()
    const cancelled = errorOf(call(giveUp.signal))
    const other = call()
    await settled()
    giveUp.abort('enough')
    await cancelled
    await answer('verified')
    await connecting
    await other
    // Neither the cancelled call nor its cancellation, of which the server knows nothing.
    expect(server.methods()).toEqual(['initialize', 'notifications/initialized', 'tools/call'])
  })

  it('tells the server of a cancellation of what was sent', async () => {
    const { call, server, answer, connecting } = await begin({ credential: { badge: BADGE } })
    await answer('verified')
    await connecting
    const giveUp = new AbortController()
    const sent = errorOf(call(giveUp.signal))
    server.transport.onmessage = undefined
    await settled()
    giveUp.abort('enough')
    await sent
    expect(server.methods().slice(-2)).toEqual(['tools/call', 'notifications/cancelled'])
  })

  it('looks at the server for all, whatever becomes of the call that made it look', async () => {
    const { call, mcp, server, answer, connecting, core } = await begin({ recheckMs: 1 })
    await answer('verified')
    await connecting
    await outlived()
    const giveUp = new AbortController()
    const first = withAbortSignal(giveUp.signal, () => call(giveUp.signal)).catch(() => undefined)
    while (core.asked.length < 2) await turn()
    const second = call()
    giveUp.abort()
    await first
    expect(core.asked[1]?.signal).toBeUndefined()
    await answer('verified')
    expect(await second).toMatchObject({ content: [] })
    expect(mcp.transport).toBeDefined()
    expect(server.methods().filter((method) => method === 'tools/call')).toHaveLength(1)
  })

  it('says what the newest look found, also when it ended the connection', async () => {
    const { call, server, answer, connecting, core } = await begin({ recheckMs: 1, credential: { badge: BADGE } })
    await answer('verified')
    const connection = await connecting
    expect(connection.server.isVerified).toBe(true)
    await outlived()
    const refused = errorOf(call())
    while (core.asked.length < 2) await turn()
    await answer('expired')
    expect(await refused).toMatchObject({ name: 'ServerVerifyError', code: 'SERVER_BADGE_REVOKED' })
    expect(connection.server).toMatchObject({
      isVerified: false,
      errorCode: 'SERVER_BADGE_REVOKED',
      trustLevel: undefined,
    })
    expect(server.methods()).not.toContain('tools/call')
    expect(JSON.stringify(server.reached)).not.toContain(BADGE)
  })

  it('answers nothing that the server asks while it is looked at, nor after it failed', async () => {
    const { call, server, answer, connecting, core } = await begin({ recheckMs: 1 })
    await answer('verified')
    await connecting
    await outlived()
    const refused = errorOf(call())
    while (core.asked.length < 2) await turn()
    server.say({ id: 'ping-1', method: 'ping' })
    await settled()
    expect(server.methods()).not.toContain('reply')
    core.asked.at(-1)?.answer('expired')
    await refused
    server.say({ id: 'ping-2', method: 'ping' })
    await settled()
    expect(server.methods()).not.toContain('reply')
  })

  it('answers what the server asked meanwhile once it is verified, unless the server took it back', async () => {
    const { server, answer, connecting } = await begin()
    server.say({ id: 'ping-1', method: 'ping' })
    server.say({ id: 'ping-2', method: 'ping' })
    server.say({ method: 'notifications/cancelled', params: { requestId: 'ping-2' } })
    await answer('verified')
    await connecting
    await settled()
    expect(server.reached.filter(({ method }) => method === undefined).map(({ id }) => id)).toEqual(['ping-1'])
  })

  it('looks again when the server was asked anew who it is, also during a look', async () => {
    const { mcp, call, server, answer, connecting, core } = await begin()
    await answer('verified')
    await connecting
    const clientInfo = { name: 'c', version: '1' }
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
    const askAnew = (id: string) => mcp.transport?.send({ jsonrpc: '2.0', id, method: 'initialize', params })
    await askAnew('first')
    const first = call()
    await settled()
    expect(core.asked).toHaveLength(2)
    await askAnew('second')
    await answer('verified')
    await first
    const second = errorOf(call())
    await settled()
    expect(core.asked).toHaveLength(3)
    await answer('expired')
    expect(await second).toMatchObject({ name: 'ServerVerifyError' })
    expect(server.methods().filter((method) => method === 'tools/call')).toHaveLength(1)
  })

  it('is told that nothing was disclosed where a certain server was expected', async () => {
    const { answer, connecting } = await begin({ expectedDid: DID }, {})
    await answer('expired')
    expect(await errorOf(connecting)).toMatchObject({
      code: 'SERVER_IDENTITY_MISSING',
      state: 'UNVERIFIED_ORIGIN',
      serverDid: undefined,
    })
  })

  it.each([
    'did:web:FILES.example',
    'did:web:files.example:',
    'did:web:files.example#key-1',
    'did:web:files.example/',
    'did:web:files%2Eexample',
    'did:web:files.exampl',
  ])('takes %s for another server than the one that is expected', async (expectedDid) => {
    const { answer, connecting } = await begin({ expectedDid })
    await answer('verified')
    expect(await errorOf(connecting)).toMatchObject({
      code: 'SERVER_DID_MISMATCH',
      state: 'DECLARED_PRINCIPAL',
      serverDid: DID,
      verification: { isVerified: false, trustLevel: undefined, popVerified: false },
    })
  })

  it('says of a server of the legacy era that its proofs do not count, and whose it said it was', async () => {
    const { connecting, core } = await begin({ requireModernEra: true })
    expect(await errorOf(connecting)).toMatchObject({
      code: 'SERVER_POP_FAILED',
      state: 'DECLARED_PRINCIPAL',
      serverDid: DID,
    })
    expect(core.asked).toEqual([])
  })

  it.each(['given', 'ambient'])('gives connecting up when the %s signal is aborted, and closes', async (which) => {
    const giveUp = new AbortController()
    const given = which === 'given' ? { signal: giveUp.signal } : {}
    const { call, mcp, server, connecting, core, answer } = await withAbortSignal(
      which === 'given' ? undefined : giveUp.signal,
      () => begin({ ...given, credential: { badge: BADGE } }),
    )
    const waiting = errorOf(call())
    giveUp.abort('enough')
    expect(await errorOf(connecting)).toMatchObject({ name: 'AbortError', code: 'CALL_ABORTED', cause: 'enough' })
    expect(core.asked[0]?.signal?.aborted).toBe(true)
    expect(mcp.transport).toBeUndefined()
    await waiting
    // An answer that comes late opens nothing.
    await answer('verified')
    expect(server.methods()).toEqual(['initialize', 'notifications/initialized'])
    expect(JSON.stringify(server.reached)).not.toContain(BADGE)
  })

  it('gives a handshake up that the server never answers, and begins none when aborted before', async () => {
    const silent = playServer()
    silent.transport.send = () => Promise.resolve()
    const giveUp = new AbortController()
    const connecting = connectVerified(make().mcp, silent.transport, {
      client: playCore().client,
      signal: giveUp.signal,
    })
    const error = errorOf(connecting)
    giveUp.abort()
    expect(await error).toMatchObject({ code: 'CALL_ABORTED' })
    const untouched = playServer()
    const again = connectVerified(make().mcp, untouched.transport, { client: playCore().client, signal: giveUp.signal })
    expect(await errorOf(again)).toMatchObject({ code: 'CALL_ABORTED' })
    expect(untouched.reached).toEqual([])
  })

  it('keeps a connection that stands when the signal is aborted later', async () => {
    const giveUp = new AbortController()
    const { call, answer, connecting } = await begin({ signal: giveUp.signal })
    await answer('verified')
    await connecting
    giveUp.abort()
    expect(await call()).toMatchObject({ content: [] })
  })

  it('is not connected when the connection ended before the server was verified', async () => {
    const { call, mcp, answer, connecting } = await begin()
    const waiting = errorOf(call())
    await mcp.close()
    await answer('verified')
    expect(await errorOf(connecting)).toMatchObject({ name: 'ClientClosedError', code: 'CLIENT_CLOSED' })
    await waiting
  })

  it('keeps the connection that it has when another one is asked for', async () => {
    const { call, mcp, core, answer, connecting } = await begin()
    await answer('verified')
    await connecting
    const another = playServer()
    await expect(connectVerified(mcp, another.transport, { client: core.client })).rejects.toThrow('connected already')
    expect(another.reached).toEqual([])
    expect(await call()).toMatchObject({ content: [] })
  })

  it('closes when the core cannot be asked, and says so', async () => {
    const { mcp, answer, connecting, server } = await begin({ failOnUnverified: false })
    await answer('unreachable')
    expect(await errorOf(connecting)).toMatchObject({ message: 'no core' })
    expect(mcp.transport).toBeUndefined()
    expect(server.methods()).toEqual(['initialize', 'notifications/initialized'])
  })

  // What is shown to whom, for every combination of the two switches.
  it.each([
    { failOnUnverified: true, sendCredentialToUnverified: false, verified: true, calls: true, shows: true },
    { failOnUnverified: true, sendCredentialToUnverified: true, verified: true, calls: true, shows: true },
    { failOnUnverified: false, sendCredentialToUnverified: false, verified: true, calls: true, shows: true },
    { failOnUnverified: false, sendCredentialToUnverified: true, verified: true, calls: true, shows: true },
    { failOnUnverified: true, sendCredentialToUnverified: false, verified: false, calls: false, shows: false },
    { failOnUnverified: true, sendCredentialToUnverified: true, verified: false, calls: false, shows: false },
    { failOnUnverified: false, sendCredentialToUnverified: false, verified: false, calls: true, shows: false },
    { failOnUnverified: false, sendCredentialToUnverified: true, verified: false, calls: true, shows: true },
  ])('does $calls and shows its badge $shows with %o', async ({ verified, calls, shows, ...switches }) => {
    const { call, answer, connecting, server } = await begin({ ...switches, credential: { badge: BADGE } })
    const called = call().catch(() => undefined)
    await answer(verified ? 'verified' : 'expired')
    await connecting.catch(() => undefined)
    await called
    expect(server.methods().includes('tools/call')).toBe(calls)
    expect(JSON.stringify(server.reached).includes(BADGE)).toBe(shows)
  })
})

describe('connectVerified', () => {
  it.each([
    ['http://mcp.example/', {}, false],
    ['http://10.0.0.7:8080/', {}, false],
    ['http://[2001:db8::1]/', {}, false],
    ['http://localhost.example/', {}, false],
    ['http://mcp.example/', { insecure: true }, true],
    ['http://127.0.0.1:8080/', {}, true],
    ['http://[::1]:8080/', {}, true],
    ['http://localhost/', {}, true],
    ['https://mcp.example/', {}, true],
  ])('shows a credential at %s with %o: %s', async (url, options, isShown) => {
    const connecting = connectVerified(new ClientV1({ name: 'c', version: '1' }), playServer({}).transport, {
      ...options,
      url,
      credential: { badge: BADGE },
      client: playCore().client,
      signal: AbortSignal.abort(),
    })
    const code = isShown ? 'CALL_ABORTED' : undefined
    expect(await errorOf(connecting)).toMatchObject({
      name: isShown ? 'AbortError' : 'TypeError',
      ...(code && { code }),
    })
  })

  it('verifies a server without a credential over whatever network', async () => {
    const { transport } = playServer({})
    const mcp = new ClientV1({ name: 'c', version: '1' })
    const aborted = { client: playCore().client, signal: AbortSignal.abort() }
    const connecting = connectVerified(mcp, transport, { ...aborted, url: 'http://mcp.example/' })
    expect(await errorOf(connecting)).toMatchObject({ code: 'CALL_ABORTED' })
  })

  it.each([
    { failOnUnverified: null },
    { failOnUnverified: 0 },
    { failOnUnverified: 'false' },
    { sendCredentialToUnverified: 1 },
    { requireModernEra: 'yes' },
    { insecure: 'false' },
    { requirePop: 1 },
    { expectedDid: null },
    { expectedDid: '' },
    { expectedDid: ['did:web:files.example'] },
    { minTrustLevel: Number.NaN },
    { minTrustLevel: 1.5 },
    { minTrustLevel: -1 },
    { minTrustLevel: 5 },
    { minTrustLevel: '2' },
    { minTrustLevel: null },
    { trustedIssuers: [] },
    { signal: {} },
  ])('takes no demand that it would not hold: %o', async (options) => {
    const server = playServer()
    const mcp = new ClientV1({ name: 'c', version: '1' })
    await expect(connectVerified(mcp, server.transport, options as ConnectVerifiedOptions)).rejects.toThrow(TypeError)
    expect(server.reached).toEqual([])
  })
})
