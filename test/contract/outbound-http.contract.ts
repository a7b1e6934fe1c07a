import { describe, expect, it } from 'vitest'
import type { OutboundHttp, OutboundRequest } from '../../core/src/ports/outbound-http.ts'
import { SourceUnavailable } from '../../core/src/ports/source-unavailable.ts'
import type { Page } from '../fakes/memory-web.ts'

/** A way out, and one server of the operator behind it. */
export interface OutboundHarness {
  readonly http: OutboundHttp
  /** Makes the server answer with a page and gives its URL. */
  publish(path: string, page: Page): string
}

const REQUEST = { hostFrom: 'operator', maxBytes: 100, timeoutMs: 5_000 } as const

/** What every way out promises. */
export function describeOutboundHttp(name: string, create: () => Promise<OutboundHarness>): void {
  const send = async (harness: OutboundHarness, request: OutboundRequest) =>
    harness.http.send(request).catch((failure: unknown) => failure)

  describe(`${name} as the way out`, () => {
    it.each([200, 201, 304, 400, 404, 429, 500])('resolves for an answer with status %i', async (status) => {
      const harness = await create()
      const url = harness.publish('/a', { status, headers: { 'X-One': '1' }, body: status === 304 ? '' : '{}' })
      const response = await harness.http.send({ ...REQUEST, url })
      expect(response.status).toBe(status)
      expect(new TextDecoder().decode(response.body)).toBe(status === 304 ? '' : '{}')
      expect(response.headers.get('x-one')).toBe('1')
      expect(response.headers.has('X-One')).toBe(false)
    })

    it.each([301, 302, 307, 308])('rejects for a redirect with status %i', async (status) => {
      const harness = await create()
      const url = harness.publish('/a', { status, headers: { location: '/b' } })
      harness.publish('/b', { body: '{}' })
      expect(await send(harness, { ...REQUEST, url })).toBeInstanceOf(SourceUnavailable)
    })

    it('takes a body of the greatest size and no larger one', async () => {
      const harness = await create()
      const url = harness.publish('/a', { body: 'a'.repeat(100) })
      expect(await send(harness, { ...REQUEST, url })).toMatchObject({ status: 200 })
      expect(await send(harness, { ...REQUEST, url, maxBytes: 99 })).toBeInstanceOf(SourceUnavailable)
    })

    it('does not speak plain HTTP with a host of input', async () => {
      const harness = await create()
      const url = harness.publish('/a', { body: '{}' })
      expect(url).toMatch(/^http:/)
      expect(await send(harness, { ...REQUEST, url, hostFrom: 'input' })).toBeInstanceOf(SourceUnavailable)
      expect(await send(harness, { ...REQUEST, url })).toMatchObject({ status: 200 })
    })

    it('does not speak plain HTTP with another machine', async () => {
      const harness = await create()
      const failure = await send(harness, { ...REQUEST, url: 'http://registry.example.com/a' })
      expect(failure).toBeInstanceOf(SourceUnavailable)
    })
  })
}
