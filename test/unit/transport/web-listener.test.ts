import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { createWebListener } from '../../../core/src/transport/web-listener.ts'

it('counts the connections that are one too many', async () => {
  const refused: object[] = []
  const listener = createWebListener({
    notReadyReasons: () => [],
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    routes: () => {},
    allowedOrigins: [],
    maxMessageBytes: 1024,
    maxConnections: 1,
    telemetry: { connectionRefused: (event) => void refused.push(event) },
  })
  const port = await listener.listen('127.0.0.1', 0)
  const first = connect(port, '127.0.0.1')
  first.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(first, 'data')
  const second = connect(port, '127.0.0.1').on('error', () => {})
  await once(second, 'close')
  expect(refused).toEqual([{ listener: 'web', reason: 'limit' }])
  first.destroy()
  await listener.close()
})
