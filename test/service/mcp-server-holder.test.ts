import { generateKeyPairSync } from 'node:crypto'
import { Client, InMemoryTransport } from '@modelcontextprotocol/client'
import { McpServer } from '@modelcontextprotocol/server'
import { describe, expect, it } from 'vitest'
import {
  CapiscioMcpServer,
  type CoreClient,
  CoreConnectionError,
  generatePopRequest,
  parseJsonRpcMeta,
  popRequestToMeta,
  popResponseFromMeta,
  protectServer,
  publicKeyToDidKey,
  verifyPopResponse,
} from '../../sdk-node/src/index.ts'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const did = publicKeyToDidKey(publicKey)
let badge = 'first'
const identity = { did, badge: () => badge, privateKey, origin: 'https://mcp.example.com' }
const answer = () => ({ content: [{ type: 'text', text: 'done' }] })

describe('a server that holds the MCP SDK', () => {
  it('tells who it is now', async () => {
    const server = new CapiscioMcpServer({ name: 'files', identity })
    expect(server.popEnabled).toBe(true)
    expect(parseJsonRpcMeta(await server.identityMeta())).toEqual({ serverDid: did, serverBadge: 'first' })
    badge = 'second'
    expect(parseJsonRpcMeta(await server.identityMeta())).toEqual({ serverDid: did, serverBadge: 'second' })
    expect(popResponseFromMeta(await server.identityMeta())).toBeUndefined()
  })

  it('proves itself to each nonce, and to nothing else', async () => {
    const server = new CapiscioMcpServer({ name: 'files', identity })
    const request = generatePopRequest()
    const meta = await server.createInitializeResponseMeta(popRequestToMeta(request))
    expect(parseJsonRpcMeta(meta).serverDid).toBe(did)
    const response = popResponseFromMeta(meta)
    if (response === undefined) throw new Error('no proof')
    const demands = { serverDid: did, audience: 'https://mcp.example.com', publicKey }
    await verifyPopResponse({ ...request, ...response }, demands)
    const other = verifyPopResponse({ ...request, ...response }, { ...demands, audience: 'stdio' })
    await expect(other).rejects.toMatchObject({ code: 'POP_SIGNATURE_INVALID' })
    const noNonce = await server.createInitializeResponseMeta({ capiscio_pop_nonce: 'a.b.c' })
    expect(popResponseFromMeta(noNonce)).toBeUndefined()
  })

  it('says nothing without an identity, and proves nothing without a key', async () => {
    const silent = new CapiscioMcpServer({ name: 'files' })
    expect(silent.popEnabled).toBe(false)
    expect(await silent.createInitializeResponseMeta(popRequestToMeta(generatePopRequest()))).toEqual({})
    const keyless = new CapiscioMcpServer({ name: 'files', identity: { did, badge } })
    expect(keyless.popEnabled).toBe(false)
    const meta = await keyless.createInitializeResponseMeta(popRequestToMeta(generatePopRequest()))
    expect([parseJsonRpcMeta(meta).serverDid, popResponseFromMeta(meta)]).toEqual([did, undefined])
  })

  it('makes guarded servers for transports of your own', async () => {
    const runs: string[] = []
    const away = async (): Promise<never> => {
      throw new CoreConnectionError('away')
    }
    const client = { timeoutMs: 100, evaluateToolAccess: away, filterTools: away } as unknown as CoreClient
    const held = new CapiscioMcpServer({ name: 'files', client, filterListings: false })
    held.tool('read', { description: 'Reads' }, () => {
      runs.push('read')
      return answer()
    })
    const [mine, theirs] = InMemoryTransport.createLinkedPair()
    await (await held.createServer()).connect(theirs)
    const mcp = new Client({ name: 'c', version: '1' })
    await mcp.connect(mine)
    expect((await mcp.listTools()).tools).toMatchObject([{ name: 'read', description: 'Reads' }])
    const outcome = await mcp.callTool({ name: 'read' }).catch((error: unknown) => error)
    expect(outcome instanceof Error || (outcome as { isError?: boolean }).isError).toBe(true)
    expect(runs).toEqual([])
    await mcp.close()
  })

  it.each([
    ['an identity whose key is none', { identity: { did, privateKey: 'secret words' } }],
    ['an identity whose key is public', { identity: { did, privateKey: publicKey } }],
    ['an identity without a DID', { identity: { did: 'files' } }],
    ['defaults that cannot be meant', { defaults: { minTrustLevel: 9 } }],
    ['defaults with a name that is not known', { defaults: { minTrust: 1 } }],
  ])('is not made with %s', (_, options) => {
    expect(() => new CapiscioMcpServer({ name: 'files', ...options } as never)).toThrow(TypeError)
    expect(() => new CapiscioMcpServer({ name: 'files', ...options } as never)).not.toThrow(/secret/)
  })

  it('takes no tool with demands that cannot be meant, and keeps what it was given as it was', () => {
    const server = new CapiscioMcpServer({ name: 'files' })
    expect(() => server.tool('read', { minTrustLevel: 9 as 4 }, answer)).toThrow(TypeError)
    const options = Object.freeze({ minTrustLevel: 2, allowedTools: Object.freeze(['read']) } as const)
    server.tool('read', options, answer)
    expect(options).toEqual({ minTrustLevel: 2, allowedTools: ['read'] })
  })
})

describe('protectServer', () => {
  it('refuses a key that cannot be read when it is called, not at the first handshake', () => {
    const server = new McpServer({ name: 'files', version: '1.0.0' })
    expect(() => protectServer(server, { identity: { did, privateKey: 'secret words' } })).toThrow(TypeError)
    expect(() => protectServer(server, { identity: { did, privateKey } })).not.toThrow()
  })
})
