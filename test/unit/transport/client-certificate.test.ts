import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type ConnectionOptions, connect } from 'node:tls'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type ServerTls, toTlsOptions } from '../../../core/src/transport/server-tls.ts'
import { WEB_ORIGIN, webOrigin } from '../../../core/src/transport/web-origin.ts'
import { tlsPem } from '../../fakes/tls-files.ts'

const material = {
  certificatePem: await tlsPem('server.pem'),
  privateKeyPem: await tlsPem('server-key.pem'),
  clientAuthoritiesPem: await tlsPem('authority.pem'),
}
const tls: ServerTls = {
  minVersion: 'TLSv1.2',
  clientCertificates: 'optional',
  material: () => material,
  onChange: () => {},
}
const mine = { cert: await tlsPem('client.pem'), key: await tlsPem('client-key.pem') }
const foreign = { cert: await tlsPem('foreign-client.pem'), key: await tlsPem('foreign-client-key.pem') }

// Answers whether it takes its client for one with a certificate.
const server = createServer(toTlsOptions(tls), (request, response) => {
  response.end(`certificate: ${webOrigin(request).get(WEB_ORIGIN).certificate}`)
})

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterAll(() => server.close())

interface Asked {
  readonly answer: string
  readonly session: Buffer | undefined
  readonly resumed: boolean
}

async function ask(options: ConnectionOptions): Promise<Asked> {
  const { port } = server.address() as AddressInfo
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: material.clientAuthoritiesPem,
    ...options,
  })
  let answer = ''
  let session: Buffer | undefined
  socket.on('session', (ticket) => {
    session = ticket
  })
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString()
  })
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  await once(socket, 'end')
  return { answer, session, resumed: socket.isSessionReused() }
}

it('is seen where a client shows one', async () => {
  expect((await ask(mine)).answer).toContain('certificate: true')
})

it.each<[what: string, shown: ConnectionOptions]>([
  ['none', {}],
  ['one of another authority', foreign],
])('is not seen where a client shows %s', async (_what, shown) => {
  expect((await ask(shown)).answer).toContain('certificate: false')
})

it.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'is not seen where a client without one resumes a session of %s',
  async (version) => {
    const versions = { minVersion: version, maxVersion: version }
    const first = await ask(versions)
    const second = await ask({ ...versions, session: first.session })
    expect(second.resumed).toBe(true)
    expect(second.answer).toContain('certificate: false')
  },
)

it.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'of another authority is not seen in a resumed session of %s',
  async (version) => {
    const versions = { minVersion: version, maxVersion: version }
    const first = await ask({ ...versions, ...foreign })
    const second = await ask({ ...versions, ...foreign, session: first.session })
    expect(second.answer).toContain('certificate: false')
  },
)
