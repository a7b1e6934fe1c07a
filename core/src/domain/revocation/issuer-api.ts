import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import type { OutboundHttp, OutboundResponse } from '../../ports/outbound-http.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'

/** An answer of an issuer that is JSON, or says with its status that there is none. */
export interface IssuerReply {
  readonly status: 200 | 404
  /** Attacker-controlled; empty for 404. */
  readonly members: Readonly<Record<string, unknown>>
}

export interface IssuerQuestion {
  /** Most bytes of an answer. */
  readonly maxBytes: number
  /** What metrics call it. */
  readonly purpose: 'status' | 'revocations'
  readonly signal?: AbortSignal
}

/** The part of an issuer's HTTP API that says what became of badges and agents. */
export interface IssuerApi {
  /** Of the API's URL. */
  readonly origin: string
  /**
   * @param target a path below the API's URL, beginning with `/`, or a URL of the same origin
   * @throws {TypeError} for a URL of another origin
   * @throws {IssuerBusy} when the issuer asks to be left alone
   * @throws {SourceUnavailable} for everything but a JSON object with 200, and 404
   */
  get(target: string, options: IssuerQuestion): Promise<IssuerReply>
}

/** The issuer asks to be asked again later. */
export class IssuerBusy extends SourceUnavailable {
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs: number) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

export interface IssuerApiOptions {
  readonly http: OutboundHttp
  /** Where the operator says that the API is reached. */
  readonly baseUrl: string
  /** For one exchange, in milliseconds. */
  readonly timeoutMs: number
  /** Exchanges under way at one time; one more is refused at once, so that a slow issuer piles nothing up. */
  readonly maxInFlight: number
}

/** Longest time that a `Retry-After` is obeyed, in milliseconds. */
const MAX_RETRY_AFTER_MS = 10 * 60_000

export function createIssuerApi({ http, baseUrl, timeoutMs, maxInFlight }: IssuerApiOptions): IssuerApi {
  const base = baseUrl.replace(/\/+$/, '')
  const { host, origin } = new URL(base)
  let inFlight = 0

  return {
    origin,
    async get(target, { maxBytes, purpose, signal }) {
      const url = target.startsWith('/') ? base + target : target
      if (new URL(url).origin !== origin) throw new TypeError(`${host} is not asked under another origin`)
      if (inFlight >= maxInFlight) {
        throw new SourceUnavailable(`${host} has not answered ${maxInFlight} questions yet: it is too slow for more`)
      }
      inFlight++
      try {
        const response = await http.send({
          url,
          headers: { accept: 'application/json' },
          hostFrom: 'operator',
          purpose,
          maxBytes,
          timeoutMs,
          ...(signal && { signal }),
        })
        return toReply(response, host)
      } finally {
        inFlight--
      }
    },
  }
}

function toReply({ status, headers, body }: OutboundResponse, host: string): IssuerReply {
  if (status === 404) return { status, members: {} }
  if (status === 429 || status === 503) {
    const seconds = Number(headers.get('retry-after') ?? Number.NaN)
    if (seconds >= 0) {
      throw new IssuerBusy(
        `${host} asks to be left alone for ${seconds} s`,
        Math.min(seconds * 1000, MAX_RETRY_AFTER_MS),
      )
    }
  }
  if (status !== 200) throw new SourceUnavailable(`${host} answered with status ${status}`)
  if (!isJson(headers.get('content-type')))
    throw new SourceUnavailable(`${host} answered with something else than JSON`)
  try {
    return { status, members: parseStrictJsonObject(new TextDecoder('utf-8', { fatal: true }).decode(body)) }
  } catch (cause) {
    throw new SourceUnavailable(`${host} answered with something that is no JSON object`, { cause })
  }
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/(?:[a-z0-9.-]+\+)?json *(?:;.*)?$/i.test(contentType ?? '')
}
