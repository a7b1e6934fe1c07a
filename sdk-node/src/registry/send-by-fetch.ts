import type { RegistryClientOptions } from '@capiscio/proto/registry'
import { CallAbortedError } from '@capiscio/proto/sdk'

const MAX_ANSWER_BYTES = 256 * 1024

/** Sends requests of a registry client: no redirect is followed, and time and size are limited. */
export function sendByFetch(limits: {
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}): RegistryClientOptions['send'] {
  return async ({ url, method, headers, body }) => {
    const timeout = AbortSignal.timeout(limits.timeoutMs)
    const signal = limits.signal === undefined ? timeout : AbortSignal.any([timeout, limits.signal])
    try {
      const response = await fetch(url, {
        ...{ method, headers, signal },
        // An answer from elsewhere is none, and the API key must not follow it there.
        redirect: 'error',
        ...(body !== undefined && { body }),
      })
      return {
        status: response.status,
        retryAfter: response.headers.get('retry-after') ?? undefined,
        body: await readLimited(response),
      }
    } catch (cause) {
      if (limits.signal?.aborted === true) throw new CallAbortedError(limits.signal.reason)
      if (timeout.aborted) throw new Error(`it took longer than ${limits.timeoutMs} ms`)
      throw new Error(describe(cause))
    }
  }
}

async function readLimited(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** fetch says only "fetch failed"; its cause tells why. */
function describe(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return inner instanceof Error ? inner.message || String(Reflect.get(inner, 'code') ?? inner.name) : String(inner)
}
