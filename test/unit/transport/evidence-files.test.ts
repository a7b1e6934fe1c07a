import type { IncomingMessage, ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { expect, it } from 'vitest'
import { createEvidenceFilesHandler } from '../../../core/src/transport/evidence-files.ts'

const serve = createEvidenceFilesHandler({
  name: '0123456789abcdef',
  read: async () => ({ kind: 'entries', full: true, bytes: new Uint8Array(3) }),
})

/** The status of a bundle for a client elsewhere, on a connection that Node says this of. */
async function statusFor(connection: { authorized: boolean; certificate: boolean }): Promise<number> {
  const socket = new TLSSocket(new PassThrough())
  Object.defineProperties(socket, {
    remoteAddress: { value: '192.0.2.7' },
    authorized: { value: connection.authorized },
    getPeerCertificate: { value: () => (connection.certificate ? { raw: Buffer.from('x') } : {}) },
  })
  return new Promise((resolve) => {
    const request = { method: 'GET', url: '/evidence/0123456789abcdef/tile/entries/000', headers: {}, socket }
    const response = { writeHead: resolve, end() {} }
    serve(request as unknown as IncomingMessage, response as unknown as ServerResponse)
  })
}

it.each([
  ['with a certificate that counts', { authorized: true, certificate: true }, 200],
  ['with one that does not', { authorized: false, certificate: true }, 403],
  ['with none', { authorized: false, certificate: false }, 403],
  // As versions of Node say of a resumed session of TLS 1.3.
  ['with none, on a connection that counts as verified', { authorized: true, certificate: false }, 403],
])('a client elsewhere %s, who asks for entries', async (_what, connection, status) => {
  expect(await statusFor(connection)).toBe(status)
})
