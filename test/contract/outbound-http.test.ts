import { startHttp } from '../fakes/https-server.ts'
import { createMemoryWeb, type Page } from '../fakes/memory-web.ts'
import { createTestOutbound } from '../fakes/test-outbound.ts'
import { describeOutboundHttp } from './outbound-http.contract.ts'

describeOutboundHttp('the guarded client', async () => {
  const pages = new Map<string | undefined, Page>()
  const { port } = await startHttp((request, response) => {
    const { status = 200, headers = {}, body } = pages.get(request.url) ?? { status: 404 }
    response.writeHead(status, headers).end(body)
  })
  return {
    http: createTestOutbound().http,
    publish(path, page) {
      pages.set(path, page)
      return `http://127.0.0.1:${port}${path}`
    },
  }
})

describeOutboundHttp('the web in memory', async () => {
  const web = createMemoryWeb()
  return {
    http: web,
    publish(path, page) {
      web.pages.set(`http://127.0.0.1${path}`, page)
      return `http://127.0.0.1${path}`
    },
  }
})
