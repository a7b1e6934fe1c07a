import { describe, expect, it } from 'vitest'
import { startHttp, startTcp } from '../../../fakes/https-server.ts'
import { createTestOutbound, PUBLIC_ADDRESS } from '../../../fakes/test-outbound.ts'

// Nothing is connected to that a stranger must not make us connect to.

describe('a URL from input', () => {
  it.each([
    ['plain HTTP', 'http://agents.example.com/did.json'],
    ['another scheme', 'file:///etc/passwd'],
    ['no scheme', 'agents.example.com/did.json'],
    ['another port', 'https://agents.example.com:8443/did.json'],
    ['port 80', 'https://agents.example.com:80/did.json'],
    ['a user', 'https://user@agents.example.com/did.json'],
    ['a password', 'https://:secret@agents.example.com/did.json'],
    ['a fragment', 'https://agents.example.com/did.json#key-1'],
    ['an IPv4 address', 'https://127.0.0.1/did.json'],
    ['a public IPv4 address', 'https://93.184.216.34/did.json'],
    ['a decimal IPv4 address', 'https://2130706433/did.json'],
    ['an octal IPv4 address', 'https://017700000001/did.json'],
    ['a hexadecimal IPv4 address', 'https://0x7f.0.0.1/did.json'],
    ['a short IPv4 address', 'https://127.1/did.json'],
    ['a percent-encoded IPv4 address', 'https://%31%32%37.0.0.1/did.json'],
    ['a full-width IPv4 address', 'https://１２７.０.０.１/did.json'],
    ['the metadata address', 'https://169.254.169.254/latest/meta-data'],
    ['the metadata name', 'https://metadata.google.internal/computeMetadata/v1/'],
    ['an IPv6 address', 'https://[::1]/did.json'],
    ['a mapped IPv6 address', 'https://[::ffff:127.0.0.1]/did.json'],
    ['a public IPv6 address', 'https://[2606:2800:220:1::1]/did.json'],
    ['localhost', 'https://localhost/did.json'],
    ['localhost with a dot', 'https://localhost./did.json'],
    ['a name without a dot', 'https://registry/did.json'],
    ['a name with a final dot', 'https://agents.example.com./did.json'],
    ['a URL of 8193 characters', `https://agents.example.com/${'a'.repeat(8193 - 27)}`],
  ])('with %s is refused before anything is looked up', async (_what, url) => {
    const outbound = createTestOutbound()
    outbound.names.set('agents.example.com.', [PUBLIC_ADDRESS])
    expect(await outbound.ask({ url, hostFrom: 'input' })).toBe('forbidden')
    expect(outbound).toMatchObject({ lookups: [], dialed: [] })
  })

  it.each([
    ['loopback', ['127.0.0.1']],
    ['IPv6 loopback', ['::1']],
    ['mapped loopback', ['::ffff:127.0.0.1']],
    ['every interface', ['0.0.0.0']],
    ['the metadata service', ['169.254.169.254']],
    ['a private network', ['10.1.2.3']],
    ['a translated address', ['64:ff9b::7f00:1']],
    ['something that is no address', ['not-an-address']],
    ['a good address and then a bad one', [PUBLIC_ADDRESS, '127.0.0.1']],
    ['a bad address and then a good one', ['127.0.0.1', PUBLIC_ADDRESS]],
  ])('whose name resolves to %s is never connected to', async (_what, addresses) => {
    const outbound = createTestOutbound()
    outbound.names.set('agents.example.com.', addresses)
    expect(await outbound.ask({ url: 'https://agents.example.com/did.json', hostFrom: 'input' })).toBe('forbidden')
    expect(outbound).toMatchObject({ lookups: ['agents.example.com.'], dialed: [] })
  })

  it('is checked again when the answer of the name changes', async () => {
    const server = await startTcp((socket) => socket.destroy())
    const outbound = createTestOutbound({ publicPort: server.port })
    const ask = () => outbound.ask({ url: 'https://agents.example.com/did.json', hostFrom: 'input' })
    outbound.names.set('agents.example.com.', [PUBLIC_ADDRESS])
    expect(await ask()).toBe('tls')
    outbound.names.set('agents.example.com.', ['127.0.0.1'])
    expect(await ask()).toBe('forbidden')
    expect(outbound.dialed).toEqual([PUBLIC_ADDRESS])
    expect(server.connections).toBe(1)
  })

  it('gets no connection when its name has no address', async () => {
    const outbound = createTestOutbound()
    outbound.names.set('agents.example.com.', [])
    expect(await outbound.ask({ url: 'https://agents.example.com/', hostFrom: 'input' })).toBe('unresolved')
    expect(await outbound.ask({ url: 'https://unknown.example.com/', hostFrom: 'input' })).toBe('unresolved')
    expect(outbound.dialed).toEqual([])
  })

  it('is refused where the same URL of the operator is asked', async () => {
    const server = await startHttp((_request, response) => response.end('{}'))
    const outbound = createTestOutbound()
    const url = `http://127.0.0.1:${server.port}/`
    expect(await outbound.ask({ url, hostFrom: 'input' })).toBe('forbidden')
    expect(server.connections).toBe(0)
    expect(await outbound.ask({ url, hostFrom: 'operator' })).toBe(200)
    expect(server.connections).toBe(1)
  })
})

describe('a URL of the operator', () => {
  it.each([
    ['plain HTTP elsewhere', 'http://registry.example.com/jwks.json'],
    ['plain HTTP to a private address', 'http://10.0.0.1/jwks.json'],
    ['plain HTTP to a name like loopback', 'http://127.example.com/jwks.json'],
    ['plain HTTP to a name under localhost', 'http://registry.localhost/jwks.json'],
    ['another scheme', 'ftp://registry.example.com/jwks.json'],
    ['another scheme on this machine', 'ws://127.0.0.1/jwks.json'],
    ['no host', 'https:///'],
    ['a user', 'https://user@registry.example.com/jwks.json'],
    ['a fragment', 'https://registry.example.com/jwks.json#x'],
  ])('with %s is refused before anything is looked up', async (_what, url) => {
    const outbound = createTestOutbound()
    outbound.names.set('registry.example.com', ['127.0.0.1'])
    expect(await outbound.ask({ url })).toBe('forbidden')
    expect(outbound).toMatchObject({ lookups: [], dialed: [] })
  })

  it('speaks plain HTTP with localhost only while that is this machine', async () => {
    const server = await startHttp((_request, response) => response.end('{}'))
    const outbound = createTestOutbound()
    const ask = () => outbound.ask({ url: `http://localhost:${server.port}/` })
    outbound.names.set('localhost', ['127.0.0.1'])
    expect(await ask()).toBe(200)
    outbound.names.set('localhost', ['10.0.0.1'])
    expect(await ask()).toBe('forbidden')
    outbound.names.set('localhost', ['127.0.0.1', '10.0.0.1'])
    expect(await ask()).toBe('forbidden')
    expect(outbound.dialed).toEqual(['127.0.0.1'])
  })

  it('is not looked up when its host is an address', async () => {
    const server = await startHttp((_request, response) => response.end('{}'))
    const outbound = createTestOutbound()
    expect(await outbound.ask({ url: `http://127.0.0.1:${server.port}/` })).toBe(200)
    expect(outbound).toMatchObject({ lookups: [], dialed: ['127.0.0.1'] })
  })
})
