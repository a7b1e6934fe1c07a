import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CoreService, ServerError, ServerState, ServerTransport } from '@capiscio/proto/core/v1'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBadgeWorld, didDocument, HEADER, type Payload } from '../fakes/badge-world.ts'
import { type CoreInProcess, startCoreInProcess } from '../tools/core-in-process.ts'

const ISSUER = 'https://pinned.example.com'
const FETCHED = 'https://fetched.example.com'
const DID = 'did:web:pinned.example.com:servers:files'

const world = createBadgeWorld()
const now = Math.floor(Date.now() / 1000)
const badge = (changes: Payload, kid: string = HEADER.kid): string =>
  world.ca.sign({ ...HEADER, kid }, world.payload({ iat: now, exp: now + 600, aud: undefined, sub: DID, ...changes }))
const confirmed = badge({ iss: ISSUER, ial: '1', cnf: { kid: `${DID}#key-1` } })

let web: Server
let asked: string[]
let core: CoreInProcess

beforeAll(async () => {
  asked = []
  web = createServer(({ url = '' }, response) => {
    asked.push(url)
    const isJwks = url === '/jwks.json'
    response.setHeader('content-type', 'application/json')
    response.end(isJwks ? JSON.stringify({ keys: [world.ca.jwk] }) : didDocument(DID, world.agentDidKey.slice(8)))
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  const place = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
  const keys = JSON.stringify({ keys: [world.ca.jwk] })
  const issuers = [
    `{ issuer: "${ISSUER}", keys: ${keys}, didNamespaceUrl: "${place}" }`,
    `{ issuer: "${FETCHED}", jwksUrl: "${place}/jwks.json" }`,
  ]
  core = await startCoreInProcess('dev', `trust:\n  issuers: [${issuers.join(', ')}]\n`)
})

afterAll(async () => {
  await core[Symbol.asyncDispose]()
  await new Promise((resolve) => web.close(resolve))
})

const verify = (serverBadge: string, offlineMode: boolean) =>
  core.client.call(CoreService.method.verifyServer, {
    identity: { serverDid: DID, serverBadge },
    transport: ServerTransport.STDIO,
    config: { offlineMode, skipOriginBinding: true },
  })

describe('a server that is verified offline', () => {
  it('counts by the document that is kept, and nobody is asked for one', async () => {
    const documents = () => asked.filter((url) => url.endsWith('/did.json')).length
    expect(await verify(confirmed, true)).toMatchObject({ error: ServerError.KEY_FETCH_FAILED })
    expect(documents()).toBe(0)
    expect(await verify(confirmed, false)).toMatchObject({ state: ServerState.VERIFIED_PRINCIPAL })
    expect(documents()).toBe(1)
    expect(await verify(confirmed, true)).toMatchObject({ state: ServerState.VERIFIED_PRINCIPAL })
    expect(documents()).toBe(1)
  })

  it('counts by the keys that were fetched, and its issuer is not asked for another one', async () => {
    const keySets = () => asked.filter((url) => url === '/jwks.json').length
    await expect.poll(async () => (await verify(badge({ iss: FETCHED }), true)).error).toBe(ServerError.UNSPECIFIED)
    const before = keySets()
    const unknown = badge({ iss: FETCHED }, 'ca-2')
    expect(await verify(unknown, true)).toMatchObject({ error: ServerError.BADGE_INVALID })
    expect(keySets()).toBe(before)
    expect(await verify(unknown, false)).toMatchObject({ error: ServerError.BADGE_INVALID })
    expect(keySets()).toBe(before + 1)
  })
})
