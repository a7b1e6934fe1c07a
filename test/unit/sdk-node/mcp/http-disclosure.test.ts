import { describe, expect, it } from 'vitest'
import { createHttpDisclosure } from '../../../../sdk-node/src/mcp/http-disclosure.ts'

const ENDPOINT = new URL('https://mcp.example:8443/files')

/** A network that keeps what was asked. */
function play(answer: () => Response = () => new Response('{}')) {
  const asked: { url: string; badge: string | null; redirect: string | undefined }[] = []
  const http = createHttpDisclosure(async (input, init) => {
    const badge = new Headers(init?.headers).get('x-capiscio-badge')
    asked.push({ url: input instanceof Request ? input.url : String(input), badge, redirect: init?.redirect })
    return answer()
  })
  return { http, asked }
}

describe('the badge', () => {
  it('is shown at the endpoint’s origin alone, in whatever form the request comes, and no redirect is followed', async () => {
    const { http, asked } = play()
    await http.fetch(ENDPOINT)
    http.attach(ENDPOINT)
    await http.fetch(ENDPOINT)
    http.sendBadge(async () => 'badge')
    const same = ['https://mcp.example:8443/files', new URL('https://MCP.example:8443/other'), new Request(ENDPOINT)]
    for (const input of same) await http.fetch(input)
    const others = [
      'https://mcp.example/',
      'http://mcp.example:8443/',
      'https://mcp.example.evil:8443/',
      'https://mcp.example:8443@evil/',
    ]
    for (const input of others) await http.fetch(input)
    expect(asked.map(({ badge }) => badge)).toEqual([null, null, 'badge', 'badge', 'badge', null, null, null, null])
    expect(new Set(asked.map(({ redirect }) => redirect))).toEqual(new Set(['manual']))
  })

  it.each(['canary\nInjected: 1', 'canary\u{100}', 'canary two', 'canary\n'])(
    'that no header can carry is not quoted: %j',
    async (badge) => {
      const { http, asked } = play()
      http.attach(ENDPOINT)
      http.sendBadge(async () => badge)
      const error = await http.fetch(ENDPOINT).then(
        () => expect.unreachable('it cannot be sent'),
        (thrown) => thrown,
      )
      expect(error).toMatchObject({ name: 'CredentialError', code: 'CREDENTIAL_INVALID' })
      expect(error.message).not.toContain('canary')
      expect(asked).toEqual([])
    },
  )
})

describe('the identity in headers', () => {
  it('is the endpoint’s newest, and nobody else’s', async () => {
    let did: string | undefined = 'did:web:mcp.example'
    const { http } = play(() => new Response('', { headers: did === undefined ? {} : { 'capiscio-server-did': did } }))
    http.attach(ENDPOINT)
    expect(http.latest()).toBeUndefined()
    await http.fetch(ENDPOINT)
    expect(http.latest()?.serverDid).toBe('did:web:mcp.example')
    did = undefined
    await http.fetch(ENDPOINT)
    expect(http.latest()?.serverDid).toBe('did:web:mcp.example')
    did = 'did:web:evil.example'
    await http.fetch('https://evil.example/')
    expect(http.latest()?.serverDid).toBe('did:web:mcp.example')
    await http.fetch(ENDPOINT)
    expect(http.latest()?.serverDid).toBe('did:web:evil.example')
  })

  it('serves one connection', () => {
    const { http } = play()
    http.attach(ENDPOINT)
    expect(() => http.attach(ENDPOINT)).toThrow(TypeError)
  })
})
