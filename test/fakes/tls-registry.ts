import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../../core/src/adapters/time/system-clock.ts'
import { certificate, TEST_CA } from './https-server.ts'
import { ISSUER, type RegistryWorld, startRegistryWorld } from './registry-world.ts'

/** A registry behind TLS, as operators run it, which can be cut off. */
export interface TlsRegistry extends AsyncDisposable {
  readonly world: RegistryWorld
  readonly issuer: string
  /** `https://localhost:PORT` */
  readonly url: string
  /** PEM of the authority that vouches for it. */
  readonly caFile: string
  /** Text of a configuration that trusts it, in profile connected-prod. */
  readonly coreConfig: string
  isAway: boolean
  /** Called for each request before the registry has it, and again before its answer goes out. */
  onRequest: (moment: 'arrived' | 'answered') => void | Promise<void>
}

/** @param behindMs how far its clock is behind that of this machine: its badges end that much sooner */
export async function startTlsRegistry(behindMs = 0): Promise<TlsRegistry> {
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() - behindMs }
  const world = await startRegistryWorld({ adapters: { clock } })
  const state = { isAway: false, onRequest: (_moment: 'arrived' | 'answered'): void | Promise<void> => undefined }
  const server = createServer(certificate('good'), async (request, response) => {
    if (state.isAway) return void response.destroy()
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    await state.onRequest('arrived')
    const { host, connection, ...headers } = request.headers
    const answer = await fetch(world.registry.url + request.url, {
      method: request.method ?? 'GET',
      headers: headers as Record<string, string>,
      ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
    })
    const body = Buffer.from(await answer.arrayBuffer())
    await state.onRequest('answered')
    response.writeHead(answer.status, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `https://localhost:${(server.address() as AddressInfo).port}`
  const caFile = join(world.folder, 'ca.pem')
  writeFileSync(caFile, TEST_CA)
  const coreConfig = [
    'profile: connected-prod',
    `outbound: { caFile: ${JSON.stringify(caFile)} }`,
    'trust:',
    '  revocation: { syncIntervalSeconds: 1, statusMaxAgeSeconds: 0 }',
    `  issuers: [{ issuer: "${ISSUER}", jwksUrl: "${url}/.well-known/jwks.json", apiUrl: "${url}", didNamespaceUrl: "${url}" }]`,
  ].join('\n')
  return Object.assign(state, {
    ...{ world, issuer: ISSUER, url, caFile, coreConfig },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await world[Symbol.asyncDispose]()
    },
  })
}
