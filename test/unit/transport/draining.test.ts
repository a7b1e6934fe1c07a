import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { CoreService, Outcome } from '@capiscio/proto/core/v1'
import { describe, expect, it, vi } from 'vitest'
import { implementService } from '../../../core/src/service/service-implementation.ts'
import { createAdminGate } from '../../../core/src/transport/admin-gate.ts'
import { createListeners } from '../../../core/src/transport/listeners.ts'
import { createOpenAnswers } from '../../../core/src/transport/open-answers.ts'

it('a call over the web listener that was let in gets its answer, although the core stops at once afterwards', async () => {
  let release = (): void => {}
  const arrived = Promise.withResolvers<void>()
  const core = implementService(CoreService, {
    evaluateToolAccess: () =>
      new Promise((resolve) => {
        arrived.resolve()
        // An answer that takes more than one turn to write.
        release = () => resolve({ decision: { outcome: Outcome.DENY, message: 'x'.repeat(3_000_000) } })
      }),
  })
  const listeners = createListeners({
    services: [core],
    webServices: [core],
    telemetry: {} as never,
    notReadyReasons: () => [],
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    allowedOrigins: [],
    admin: createAdminGate('A'.repeat(43)),
    limits: { maxMessageBytes: 4 * 1024 * 1024, maxConcurrentStreams: 1, maxConnections: 1 },
  })
  const { http } = await listeners.bind({ http: { host: '127.0.0.1', port: 0 }, portFallback: false })
  const answer = fetch(`${http}/${CoreService.typeName}/EvaluateToolAccess`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"toolName":"read"}',
  }).then((response) => response.json())
  await arrived.promise
  const drained = listeners.drain()
  release()
  await drained
  await listeners.close()
  expect(await answer).toMatchObject({ decision: { outcome: 'OUTCOME_DENY' } })
})

describe('answers that are not sent yet', () => {
  const answer = () => new EventEmitter() as EventEmitter & ServerResponse

  it('are waited for until the last one is sent', async () => {
    const answers = createOpenAnswers()
    await answers.sent(2 ** 30)
    const [first, second] = [answer(), answer()]
    answers.add(first)
    answers.add(second)
    const sent = answers.sent(2 ** 30).then(() => 'sent')
    first.emit('close')
    expect(await Promise.race([sent, new Promise((resolve) => setImmediate(resolve, 'open'))])).toBe('open')
    second.emit('close')
    expect(await sent).toBe('sent')
  })

  it('are waited for only a moment', async () => {
    vi.useFakeTimers()
    try {
      const answers = createOpenAnswers()
      answers.add(answer())
      const sent = answers.sent(1000)
      vi.advanceTimersByTime(1000)
      await sent
    } finally {
      vi.useRealTimers()
    }
  })
})
