import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { certificate, startHttp, startHttps, startTcp } from '../../../fakes/https-server.ts'
import { createTestOutbound, PUBLIC_ADDRESS } from '../../../fakes/test-outbound.ts'

const FAKES = join(import.meta.dirname, '..', '..', '..', 'fakes')

describe('a certificate', () => {
  it('of a configured root, for the host and in its time, is accepted', async () => {
    const server = await startHttps((_request, response) => response.end('{}'))
    const outbound = createTestOutbound()
    outbound.names.set('localhost', ['127.0.0.1'])
    expect(await outbound.ask({ url: `https://localhost:${server.port}/` })).toBe(200)
    expect(await outbound.ask({ url: `https://127.0.0.1:${server.port}/` })).toBe(200)
  })

  it.each(['expired', 'other-host', 'self-signed'] as const)(
    'that is %s is refused before anything is sent',
    async (name) => {
      const server = await startHttps((_request, response) => response.end('{}'), { certificate: name })
      const outbound = createTestOutbound()
      outbound.names.set('localhost', ['127.0.0.1'])
      expect(await outbound.ask({ url: `https://localhost:${server.port}/`, headers: { authorization: 'x' } })).toBe(
        'tls',
      )
      expect(server.connections).toBe(1)
      expect(server.requests).toEqual([])
    },
  )

  it('of an unknown root is refused', async () => {
    const server = await startHttps((_request, response) => response.end('{}'))
    const outbound = createTestOutbound({ ca: certificate('self-signed').cert.toString() })
    expect(await outbound.ask({ url: `https://127.0.0.1:${server.port}/` })).toBe('tls')
    expect(server.requests).toEqual([])
  })

  it('is compared with the name that was asked for, not with the address that answers', async () => {
    const server = await startHttps((_request, response) => response.end('{}'))
    const outbound = createTestOutbound({ publicPort: server.port })
    outbound.names.set('agents.example.com.', [PUBLIC_ADDRESS])
    outbound.names.set('evil.example.com.', [PUBLIC_ADDRESS])
    expect(await outbound.ask({ url: 'https://agents.example.com/', hostFrom: 'input' })).toBe(200)
    expect(await outbound.ask({ url: 'https://evil.example.com/', hostFrom: 'input' })).toBe('tls')
  })

  it('that is no certificate is refused when the client is made', () => {
    expect(() => createTestOutbound({ ca: 'hello' })).toThrow(SyntaxError)
  })
})

describe('a server', () => {
  it('that speaks plain HTTP where TLS is asked for gets no request', async () => {
    const server = await startHttp((_request, response) => response.end('{}'))
    const outbound = createTestOutbound()
    expect(await outbound.ask({ url: `https://127.0.0.1:${server.port}/` })).toBe('tls')
    expect(server.requests).toEqual([])
  })

  it('that ends the connection in the middle of the handshake has no TLS to offer', async () => {
    const server = await startTcp((socket) => socket.once('data', () => socket.end()))
    expect(await createTestOutbound().ask({ url: `https://127.0.0.1:${server.port}/` })).toBe('tls')
  })

  it('that does not listen is unreachable', async () => {
    const outbound = createTestOutbound()
    // Nobody listens on port 1.
    expect(await outbound.ask({ url: 'https://127.0.0.1:1/' })).toBe('unreachable')
    expect(await outbound.ask({ url: 'http://127.0.0.1:1/' })).toBe('unreachable')
  })
})

/** What makes a process speak TLS 1.0. */
const ANCIENT_FLAGS = ['--tls-min-v1.0', '--tls-cipher-list=DEFAULT@SECLEVEL=0']

const startAncient = () =>
  startHttps((_request, response) => response.end('{}'), {
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })

describe('the environment of the process', () => {
  /** Asks the URLs in a process of its own with the environment and flags given. */
  async function probe(env: Record<string, string>, flags: readonly string[], urls: readonly string[]) {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...flags, join(FAKES, 'outbound-probe.ts'), ...urls],
      {
        env: { PATH: process.env.PATH, ...env },
      },
    )
    return JSON.parse(stdout) as unknown
  }

  it('turns verification neither off nor down, and sends nothing through a proxy', async () => {
    const answer = (_request: unknown, response: { end(text: string): void }): void => response.end('{}')
    const good = await startHttps(answer)
    const selfSigned = await startHttps(answer, { certificate: 'self-signed' })
    const ancient = await startAncient()
    const proxy = await startTcp((socket) => socket.destroy())
    const proxyUrl = `http://127.0.0.1:${proxy.port}`
    const env = {
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      NODE_USE_ENV_PROXY: '1',
      HTTPS_PROXY: proxyUrl,
      HTTP_PROXY: proxyUrl,
      https_proxy: proxyUrl,
    }
    const flags = ['--no-warnings', ...ANCIENT_FLAGS]
    const urls = [good, selfSigned, ancient].map(({ port }) => `https://127.0.0.1:${port}/`)
    expect(await probe(env, flags, urls)).toEqual([200, 'tls', 'tls'])
    expect([selfSigned.requests.length, ancient.requests.length, proxy.connections]).toEqual([0, 0, 0])
  })

  it('reads no answer more loosely than it should', async () => {
    const serve = (head: string, body: string) =>
      startTcp((socket) => socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${body}`)))
    const servers = [
      await serve('Content-Length: 2', '{}'),
      await serve('Content-Length: 2\r\nTransfer-Encoding: chunked', '2\r\n{}\r\n0\r\n\r\n'),
      await serve(`Content-Length: 2\r\nX-Long: ${'a'.repeat(17 * 1024)}`, '{}'),
    ]
    const flags = ['--no-warnings', '--insecure-http-parser', '--max-http-header-size=1000000']
    const urls = servers.map(({ port }) => `http://127.0.0.1:${port}/`)
    expect(await probe({}, flags, urls)).toEqual([200, 'broken', 'broken'])
  })

  it('may add roots with NODE_EXTRA_CA_CERTS, also beside a configured file', async () => {
    const server = await startHttps((_request, response) => response.end('{}'))
    const url = `https://127.0.0.1:${server.port}/`
    const roots = join(FAKES, 'tls', 'issued', 'ca-cert.pem')
    const other = readFileSync(join(FAKES, 'tls', 'localhost-cert.pem'), 'utf8')
    expect(await probe({ PROBE_CA: '' }, [], [url])).toEqual(['tls'])
    expect(await probe({ PROBE_CA: '', NODE_EXTRA_CA_CERTS: roots }, [], [url])).toEqual([200])
    expect(await probe({ PROBE_CA: other, NODE_EXTRA_CA_CERTS: roots }, [], [url])).toEqual([200])
    const ancient = await startAncient()
    const old = await probe({ PROBE_CA: '', NODE_EXTRA_CA_CERTS: roots }, ANCIENT_FLAGS, [
      url,
      `https://127.0.0.1:${ancient.port}/`,
    ])
    expect(old).toEqual([200, 'tls'])
  })
})
