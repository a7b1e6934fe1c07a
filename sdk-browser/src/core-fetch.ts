/** A `fetch`, such as that of the browser. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** No answer came: nothing listens, the connection broke, or the browser kept the answer from this page. */
export class FetchFailed extends Error {
  override readonly name = 'FetchFailed'
}

/** The answer is larger than `MAX_ANSWER_BYTES`. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge'
}

/** Largest answer that is read: a message of 4 MiB and what a protocol adds to it. */
export const MAX_ANSWER_BYTES = 4 * 1024 * 1024 + 16 * 1024

const WITHOUT_BODY: readonly number[] = [204, 205, 304]

/**
 * Wraps a `fetch` for calls that carry credentials in their body: no redirect takes them
 * elsewhere, no cookie goes along, nothing is cached. The answer is read whole, within a
 * bound, so that whatever the network does ends in one of the two errors above.
 */
export function createCoreFetch(given: Fetch | undefined): Fetch {
  return async (input, init) => {
    try {
      const response = await (given ?? globalThis.fetch)(input, {
        ...init,
        mode: 'cors',
        redirect: 'error',
        credentials: 'omit',
        cache: 'no-store',
        referrerPolicy: 'no-referrer',
      })
      const { status, headers } = response
      const body = await readBounded(response)
      return new Response(WITHOUT_BODY.includes(status) ? null : body, { status, headers })
    } catch (cause) {
      if (cause instanceof AnswerTooLarge) throw cause
      throw new FetchFailed(cause instanceof Error ? cause.message : String(cause))
    }
  }
}

async function readBounded({ body }: Response): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  if (body !== null) {
    let size = 0
    const reader = body.getReader()
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      size += part.value.byteLength
      if (size > MAX_ANSWER_BYTES) {
        reader.cancel().catch(() => {})
        throw new AnswerTooLarge(`more than ${MAX_ANSWER_BYTES} bytes`)
      }
      chunks.push(part.value)
    }
  }
  return new Blob(chunks)
}
