import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { API, createIssuerHttp, type IssuerHttp } from '../fakes/issuer-http.ts'

/** The issuer of the fakes behind a real server on loopback. */
export interface IssuerServer extends AsyncDisposable {
  readonly url: string
  readonly issuer: IssuerHttp
  /** Connections that are open now. */
  readonly connections: () => Promise<number>
  /** Takes connections and answers nothing, until it is told otherwise. */
  hang: boolean
}

export async function startIssuerServer(): Promise<IssuerServer> {
  const issuer = createIssuerHttp(Date.now)
  const server = createServer((request, response) => {
    if (running.hang) return
    const answered = issuer.send({ url: `${API}${request.url}`, hostFrom: 'operator', maxBytes: 1, timeoutMs: 1 })
    void answered.then(
      ({ status, headers, body }) => response.writeHead(status, Object.fromEntries(headers)).end(body),
      () => response.destroy(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const running: IssuerServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    issuer,
    hang: false,
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return running
}
