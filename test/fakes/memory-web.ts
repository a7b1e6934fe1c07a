import type { OutboundHttp, OutboundRequest } from '../../core/src/ports/outbound-http.ts'
import { SourceUnavailable } from '../../core/src/ports/source-unavailable.ts'

export interface Page {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** The web in memory: pages by URL. What is not there cannot be reached. */
export interface MemoryWeb extends OutboundHttp {
  readonly pages: Map<string, Page>
  /** Requests so far. */
  readonly requests: readonly OutboundRequest[]
  /** From now on requests wait, until the function that it returns lets them go on. */
  hold(): () => void
}

export function createMemoryWeb(): MemoryWeb {
  const pages = new Map<string, Page>()
  const requests: OutboundRequest[] = []
  let gate: Promise<void> = Promise.resolve()
  return {
    pages,
    requests,
    hold() {
      let open = (): void => {}
      gate = new Promise((resolve) => {
        open = resolve
      })
      return open
    },
    async send(request) {
      requests.push(request)
      request.signal?.throwIfAborted()
      const { protocol, hostname } = new URL(request.url)
      if (protocol !== 'https:' && (request.hostFrom === 'input' || !/^(?:localhost|127\..*)$/.test(hostname))) {
        throw new SourceUnavailable(`${request.url} is not asked over HTTP`)
      }
      await gate
      const page = pages.get(request.url)
      if (page === undefined) throw new SourceUnavailable(`${request.url} cannot be reached`)
      const { status = 200, headers = {}, body = '' } = page
      if (status >= 300 && status < 400 && status !== 304) throw new SourceUnavailable('redirected')
      const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
      if (bytes.length > request.maxBytes) throw new SourceUnavailable('too large')
      return {
        status,
        headers: new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
        body: bytes,
      }
    },
  }
}

export const JSON_TYPE = { 'content-type': 'application/json' } as const
