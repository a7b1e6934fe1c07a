import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { CoreService, Outcome } from '@capiscio/proto/core/v1'
import { createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { credentials, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeServerFiles, type ServerFiles, tlsPath } from '../fakes/tls-files.ts'
import { runCapiscio } from '../tools/core-process.ts'
import { createRawClient, type RawClient } from '../tools/raw-client.ts'
import { type ServeProcess, startServe } from '../tools/serve-process.ts'

const pem = (name: string): Buffer => readFileSync(tlsPath(name))
const CA = pem('authority.pem')

/** `host:port` of an address that begins with `https://`. */
const hostPort = (address: string): string => new URL(address).host
const portOf = (address: string): number => Number(new URL(address).port)

function tlsClient(core: ServeProcess, certificate?: string, ca = CA): RawClient {
  const [key, cert] =
    certificate === undefined ? [null, null] : [pem(`${certificate}-key.pem`), pem(`${certificate}.pem`)]
  return createRawClient(hostPort(core.addresses.tcp), { channel: credentials.createSsl(ca, key, cert) })
}

const ask = (client: RawClient) => client.call(CoreService.method.evaluateToolAccess, { toolName: 'list_files' })

/** Does one handshake and says how it ended: the protocol, or the code of the error. */
function handshake(core: ServeProcess, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ port: portOf(core.addresses.tcp), host: '127.0.0.1', ca: CA, ...options })
    const end = (result: string): void => {
      socket.destroy()
      resolve(result)
    }
    // With TLS 1.3 a server refuses a client after the client has finished: only what comes next tells.
    socket.once('data', () => end(`${socket.getProtocol()} ${socket.alpnProtocol}`))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    socket.once('close', () => end('closed'))
    socket.once('secureConnect', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'))
  })
}

describe('TLS on the TCP and the web listener', () => {
  let files: ServerFiles
  let core: ServeProcess

  beforeAll(async () => {
    files = await makeServerFiles()
    core = await startServe(['--tls-cert', files.certFile, '--tls-key', files.keyFile])
  })

  afterAll(async () => {
    await core[Symbol.asyncDispose]()
    await files[Symbol.asyncDispose]()
  })

  it('is said in the addresses, and the Unix socket goes without', async () => {
    expect(core.addresses.tcp).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    expect(core.addresses.http).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    using client = createRawClient(core.addresses.socket)
    expect((await ask(client)).decision?.outcome).toBe(Outcome.ALLOW)
  })

  it('answers a gRPC client that trusts its authority', async () => {
    using client = tlsClient(core)
    expect((await ask(client)).decision?.outcome).toBe(Outcome.ALLOW)
  })

  it('is refused by a client that trusts another authority', async () => {
    using client = tlsClient(core, undefined, pem('other-authority.pem'))
    await expect(ask(client)).rejects.toMatchObject({ code: status.UNAVAILABLE })
  })

  it.each<[version: NonNullable<ConnectionOptions['maxVersion']>, result: string]>([
    ['TLSv1.3', 'TLSv1.3 h2'],
    ['TLSv1.2', 'TLSv1.2 h2'],
    ['TLSv1.1', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'],
    ['TLSv1', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'],
  ])('with %s at most gives %s', async (maxVersion, result) => {
    const ciphers = 'DEFAULT@SECLEVEL=0'
    expect(await handshake(core, { maxVersion, minVersion: 'TLSv1', ALPNProtocols: ['h2'], ciphers })).toBe(result)
  })

  it('wants HTTP/2 to be agreed upon', async () => {
    expect(await handshake(core, { ALPNProtocols: ['http/1.1'] })).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
    expect(await handshake(core, {})).toMatch(/^closed$|^ECONNRESET$/)
  })

  it('answers nothing to plaintext', async () => {
    using client = createRawClient(hostPort(core.addresses.tcp))
    await expect(ask(client)).rejects.toMatchObject({ code: status.UNAVAILABLE })
    const text = await new Promise<string>((resolve) => {
      let received = ''
      const socket = connectTcp(portOf(core.addresses.http), '127.0.0.1', () =>
        socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      )
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1')
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(received))
    })
    expect(text).not.toContain('capiscio_')
  })

  it('serves Connect, health and metrics on the web listener, and counts what it refused', async () => {
    const transport = createConnectTransport({
      baseUrl: core.addresses.http,
      httpVersion: '1.1',
      nodeOptions: { ca: CA },
    })
    const { decision } = await createClient(CoreService, transport).evaluateToolAccess({ toolName: 'list_files' })
    expect(decision?.outcome).toBe(Outcome.ALLOW)
    const metrics = await get(core, '/metrics')
    expect(metrics).toContain('capiscio_connections_refused_total{listener="tcp",reason="protocol"} 1')
    expect(metrics).toMatch(/capiscio_connections_refused_total\{listener="tcp",reason="tls"\} [1-9]/)
    expect(metrics).toMatch(/capiscio_connections_refused_total\{listener="web",reason="tls"\} [1-9]/)
  })

  it('answers the names of its certificate and no other on the web listener', async () => {
    expect(await get(core, '/healthz', 'localhost')).toContain('200')
    expect(await get(core, '/healthz', 'core.example.com')).toContain('403')
    await files.install('elsewhere')
    await expect.poll(() => get(core, '/healthz', 'core.example.com'), { timeout: 20_000 }).toContain('200')
    expect(await get(core, '/healthz', 'other.example.com')).toContain('403')
    await files.install('server')
    await expect.poll(() => get(core, '/healthz', 'core.example.com'), { timeout: 20_000 }).toContain('403')
  })

  it('takes up a renewed certificate while connections go on', async () => {
    const served = async (): Promise<string> => {
      const names = await Promise.all(
        [core.addresses.tcp, core.addresses.http].map(async (address) => {
          const socket = await secure(core, { ALPNProtocols: ['h2', 'http/1.1'], port: portOf(address) })
          const name = String(socket.getPeerCertificate().subject.CN)
          socket.destroy()
          return name
        }),
      )
      return [...new Set(names)].join(' and ')
    }
    using before = tlsClient(core)
    await ask(before)
    expect(await served()).toBe('server')
    await files.install('renewed')
    await expect.poll(served, { timeout: 20_000 }).toBe('renewed')
    expect((await ask(before)).decision?.outcome).toBe(Outcome.ALLOW)
    await files.install('expired')
    await expect.poll(() => core.output(), { timeout: 20_000 }).toContain('expired on Jan  2 00:00:00 2020')
    expect(await served()).toBe('renewed')
    await files.install('server')
    await expect.poll(served, { timeout: 20_000 }).toBe('server')
  })
})

describe('TLS with client certificates', () => {
  let files: ServerFiles
  let core: ServeProcess

  beforeAll(async () => {
    files = await makeServerFiles()
    core = await startServe([
      '--tls-cert',
      files.certFile,
      '--tls-key',
      files.keyFile,
      '--tls-client-ca',
      files.clientCaFile,
    ])
  })

  afterAll(async () => {
    await core[Symbol.asyncDispose]()
    await files[Symbol.asyncDispose]()
  })

  it('answers a client of the authority', async () => {
    using client = tlsClient(core, 'client')
    expect((await ask(client)).decision?.outcome).toBe(Outcome.ALLOW)
  })

  it.each([
    ['no certificate', undefined],
    ['a certificate of another authority', 'foreign-client'],
    ['an expired certificate', 'expired-client'],
    ['a certificate that is for servers', 'renewed'],
  ])('answers nothing to a client with %s', async (_what, certificate) => {
    using client = tlsClient(core, certificate)
    await expect(ask(client)).rejects.toMatchObject({ code: status.UNAVAILABLE })
    const shown =
      certificate === undefined ? {} : { cert: pem(`${certificate}.pem`), key: pem(`${certificate}-key.pem`) }
    expect(await handshake(core, { ...shown, ALPNProtocols: ['h2'] })).not.toContain('TLSv1')
  })

  it('forgets clients whose authority is gone, also those that resume a session', async () => {
    const shown = { cert: pem('client.pem'), key: pem('client-key.pem'), ALPNProtocols: ['h2'] }
    const first = await secure(core, shown)
    const session = await new Promise<Buffer>((resolve) => {
      first.once('session', resolve)
      first.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0')
    })
    first.destroy()
    await files.installClientCa('other-authority')
    await expect.poll(() => handshake(core, shown), { timeout: 20_000 }).not.toContain('TLSv1')
    expect(await handshake(core, { ...shown, session })).not.toContain('TLSv1')
    using client = tlsClient(core, 'foreign-client')
    expect((await ask(client)).decision?.outcome).toBe(Outcome.ALLOW)
  })
})

describe('a core whose files cannot be used', () => {
  it('does not start, says why in one line, and leaves no log behind', async () => {
    await using files = await makeServerFiles('expired')
    const { code, stdout, stderr } = await runCapiscio(
      [
        'serve',
        '--tls-cert',
        files.certFile,
        '--tls-key',
        files.keyFile,
        '--evidence-log',
        `${files.folder}/log`,
        '--state-dir',
        `${files.folder}/state`,
      ],
      { env: { HOME: files.folder } },
    )
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^capiscio: .*cert\.pem holds a certificate that expired on .*\n$/)
    expect(() => readFileSync(`${files.folder}/log/log.json`)).toThrow('ENOENT')
  })
})

function secure(core: ServeProcess, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port: portOf(core.addresses.tcp), host: '127.0.0.1', ca: CA, ...options })
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      socket.off('error', reject)
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}

/** One HTTP/1.1 request by hand: status line, headers and body as one text. */
function get(core: ServeProcess, path: string, host = 'localhost'): Promise<string> {
  return new Promise((resolve, reject) => {
    const checkServerIdentity = (): undefined => undefined
    const socket = connectTls({ port: portOf(core.addresses.http), host: '127.0.0.1', ca: CA, checkServerIdentity })
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    socket.once('error', reject)
    socket.once('end', () => resolve(text))
    socket.once('secureConnect', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
    )
  })
}
