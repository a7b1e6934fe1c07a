import { type HttpEndpoint, listen } from './http-endpoint.ts'

/** A JSON-RPC message on its way. */
export type Passing = Record<string, unknown>

/** What somebody between a client and a server does with what passes. */
export interface Meddling {
  /** Which server gets the next request. */
  readonly target: () => URL
  /** Answers a request himself. */
  readonly instead?: (request: SeenRequest) => Response | undefined
  /** Changes a message of the server. */
  readonly answer?: (message: Passing, request: SeenRequest) => Passing
  /** Changes the headers of an answer. */
  readonly headers?: (headers: Headers) => void
}

/** A request as the man in the middle saw it. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: Headers
  readonly text: string
  /** Empty when the body is no JSON. */
  readonly message: Passing
}

export interface Middleman extends HttpEndpoint {
  readonly seen: readonly SeenRequest[]
  /** All that he read, headers and bodies. */
  read(): string
}

/** Headers that belong to one connection. */
const HOP_BY_HOP = ['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive']

/** A forwarding HTTP proxy that reads everything and changes what it likes. */
export async function openMiddleman({ target, instead, answer, headers: edit }: Meddling): Promise<Middleman> {
  const seen: SeenRequest[] = []

  async function forward(request: SeenRequest): Promise<Response> {
    const own = instead?.(request)
    if (own !== undefined) return own
    // Standing streams bring nothing here.
    if (request.method === 'GET') return new Response(null, { status: 405 })
    const headers = new Headers(request.headers)
    for (const name of HOP_BY_HOP) headers.delete(name)
    const response = await fetch(target(), { method: request.method, headers, body: request.text || null })
    const text = await response.text()
    const change = (json: string): string =>
      answer === undefined ? json : JSON.stringify(answer(JSON.parse(json), request))
    const isStream = response.headers.get('content-type')?.includes('text/event-stream') === true
    const isJson = response.headers.get('content-type')?.includes('json') === true
    const changed = isStream
      ? text.replace(/^data: (\{.*\})$/gm, (_, json: string) => `data: ${change(json)}`)
      : isJson && text !== ''
        ? change(text)
        : text
    const kept = new Headers(response.headers)
    for (const name of [...HOP_BY_HOP, 'content-encoding']) kept.delete(name)
    edit?.(kept)
    return new Response(changed || null, { status: response.status, headers: kept })
  }

  const endpoint = await listen(() => async (incoming, outgoing) => {
    let text = ''
    for await (const chunk of incoming.setEncoding('utf8')) text += chunk
    const request: SeenRequest = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: new Headers(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])),
      text,
      message: text.startsWith('{') ? JSON.parse(text) : {},
    }
    seen.push(request)
    const response = await forward(request).catch((error) => new Response(String(error), { status: 502 }))
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    outgoing.end(Buffer.from(await response.arrayBuffer()))
  })
  return {
    ...endpoint,
    seen,
    read: () => JSON.stringify(seen.map(({ path, headers, text }) => [path, [...headers], text])),
  }
}
