import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Serves one page and its script on a port of this machine, and so has an origin of its own. */
export interface PageServer extends AsyncDisposable {
  readonly origin: string
}

const PAGE = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>page</title>
<script type="module" src="/page.js"></script>`

export async function startPageServer(script: string): Promise<PageServer> {
  const server = createServer((request, response) => {
    if (request.url === '/') response.setHeader('content-type', 'text/html').end(PAGE)
    else if (request.url === '/page.js') response.setHeader('content-type', 'text/javascript').end(script)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
