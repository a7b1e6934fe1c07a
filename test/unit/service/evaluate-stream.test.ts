import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type EvaluateToolAccessStreamRequest,
  EvaluateToolAccessStreamRequestSchema,
  EvaluateToolAccessStreamResponseSchema,
} from '@capiscio/proto/core/v1'
import { describe, expect, it } from 'vitest'
import { type Decision, NOBODY } from '../../../core/src/domain/guard/decision.ts'
import { createAllowedToolsCompiler } from '../../../core/src/domain/policy/allowed-tools.ts'
import { createEvaluateStream } from '../../../core/src/service/evaluate-stream.ts'
import { RpcFault } from '../../../core/src/service/rpc-fault.ts'

type Message = MessageInitShape<typeof EvaluateToolAccessStreamRequestSchema>

const ALLOWED: Decision = {
  outcome: 'ALLOW',
  reason: undefined,
  code: '',
  message: '',
  principal: NOBODY,
  authLevel: 'anonymous',
  policyVersion: 'none',
  atMs: 0,
  evidence: undefined,
}

/** Lets everything run that can run without the outside. */
const settle = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

/** A stream whose decisions, messages and timers move only when the test says so. */
function openStream({ maxMessageBytes = 4 * 1024 * 1024 } = {}) {
  const sent: EvaluateToolAccessStreamRequest[] = []
  let wake = (): void => {}
  let closed = false
  async function* messages() {
    for (;;) {
      const next = sent.shift()
      if (next !== undefined) yield next
      else if (closed) return
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  }

  const deciding: { tool: string; decide: () => void; fail: (error: unknown) => void }[] = []
  const timers: { ms: number; fire: () => void; stopped: boolean }[] = []
  const aborted = new AbortController()
  const stream = createEvaluateStream({
    evaluate: ({ toolName }) =>
      new Promise((resolve, reject) => {
        deciding.push({ tool: toolName, decide: () => resolve(ALLOWED), fail: reject })
      }),
    allowedTools: createAllowedToolsCompiler({ maxLists: 1, maxCharacters: 100 }),
    maxMessageBytes,
  })(messages(), {
    signal: aborted.signal,
    header: () => undefined,
    enter: () => () => {},
    toStatus: (thrown) => ({ message: thrown instanceof RpcFault ? thrown.code : 'other' }),
    after(ms, fire) {
      const timer = { ms, fire, stopped: false }
      timers.push(timer)
      return () => {
        timer.stopped = true
      }
    },
    nextTurn: () => Promise.resolve(),
  })

  const answers: string[] = []
  const messageSizes: number[] = []
  let ended: string | undefined
  const read = async (): Promise<void> => {
    for await (const response of stream) {
      messageSizes.push(response.results?.length ?? 0)
      for (const { requestId, result } of create(EvaluateToolAccessStreamResponseSchema, response).results) {
        answers.push(`${requestId} ${result.case === 'error' ? result.value.message : result.case}`)
      }
    }
  }
  return {
    deciding,
    timers,
    answers,
    messageSizes,
    abort: () => aborted.abort(new Error('gone')),
    /** Begins to read answers, as a client that is there. */
    read() {
      read().then(
        () => {
          ended = 'ended'
        },
        (error: Error) => {
          ended = error.message
        },
      )
    },
    ended: () => ended,
    async send(message: Message) {
      sent.push(create(EvaluateToolAccessStreamRequestSchema, message))
      wake()
      await settle()
    },
    async close() {
      closed = true
      wake()
      await settle()
    },
  }
}

const ask = (requestId: bigint, seconds?: bigint) => ({
  requestId,
  request: { toolName: `tool_${requestId}` },
  ...(seconds !== undefined && { timeout: { seconds } }),
})

describe('answers', () => {
  it('come in the order of decisions, not of questions', async () => {
    const stream = openStream()
    stream.read()
    await stream.send({ items: [ask(1n), ask(2n)] })
    stream.deciding[1]?.decide()
    await settle()
    expect(stream.answers).toEqual(['2 decision'])
    stream.deciding[0]?.decide()
    await settle()
    expect(stream.answers).toEqual(['2 decision', '1 decision'])
  })

  it.each([
    [16 * 1024, 1],
    [1024 * 1024, 64],
    [4 * 1024 * 1024, 256],
    [64 * 1024 * 1024, 256],
  ])('go together as far as a message of %d bytes holds them: %d', async (maxMessageBytes, together) => {
    const stream = openStream({ maxMessageBytes })
    await stream.send({ items: Array.from({ length: 300 }, (_, index) => ask(BigInt(index))) })
    stream.read()
    await settle()
    for (const { decide } of stream.deciding) decide()
    await settle()
    expect(stream.answers).toHaveLength(300)
    expect(Math.max(...stream.messageSizes)).toBe(together)
  })

  it('are all given before a stream ends that its client has closed', async () => {
    const stream = openStream()
    stream.read()
    await stream.send({ items: [ask(1n)] })
    await stream.close()
    expect(stream.ended()).toBeUndefined()
    stream.deciding[0]?.decide()
    await settle()
    expect([stream.answers, stream.ended()]).toEqual([['1 decision'], 'ended'])
  })

  it('to a decision that failed are errors of that question alone', async () => {
    const stream = openStream()
    stream.read()
    await stream.send({ items: [ask(1n), ask(2n)] })
    stream.deciding[0]?.fail(new RpcFault('UNAVAILABLE', 'busy'))
    stream.deciding[1]?.decide()
    await settle()
    expect(stream.answers).toEqual(['1 UNAVAILABLE', '2 decision'])
  })
})

describe('a cancelled question', () => {
  it('is answered CANCELLED at once, and its decision goes to nobody', async () => {
    const stream = openStream()
    stream.read()
    await stream.send({ items: [ask(1n), ask(2n)] })
    await stream.send({ cancel: [1n] })
    expect(stream.answers).toEqual(['1 CANCELLED'])
    for (const { decide } of stream.deciding) decide()
    await settle()
    expect(stream.answers).toEqual(['1 CANCELLED', '2 decision'])
  })

  it('frees its id: the late decision does not answer the next question of that id', async () => {
    const stream = openStream()
    stream.read()
    await stream.send({ items: [ask(1n)] })
    await stream.send({ cancel: [1n], items: [ask(1n)] })
    stream.deciding[0]?.decide()
    await settle()
    expect(stream.answers).toEqual(['1 CANCELLED'])
    stream.deciding[1]?.decide()
    await settle()
    expect(stream.answers).toEqual(['1 CANCELLED', '1 decision'])
  })

  it('that was answered, or never asked, changes nothing', async () => {
    const stream = openStream()
    stream.read()
    await stream.send({ items: [ask(1n)] })
    stream.deciding[0]?.decide()
    await settle()
    await stream.send({ cancel: [1n, 9n] })
    expect(stream.answers).toEqual(['1 decision'])
  })
})

describe('a question with a time limit', () => {
  it('is answered DEADLINE_EXCEEDED when that is over, once', async () => {
    const stream = openStream()
    stream.read()
    await stream.send({ items: [ask(1n, 3n), ask(2n)] })
    expect(stream.timers.map(({ ms }) => ms)).toEqual([3000])
    stream.timers[0]?.fire()
    stream.deciding[0]?.decide()
    await settle()
    expect(stream.answers).toEqual(['1 DEADLINE_EXCEEDED'])
  })

  it('leaves no timer behind when it is decided in time', async () => {
    const stream = openStream()
    stream.read()
    await stream.send({ items: [ask(1n, 3n)] })
    stream.deciding[0]?.decide()
    await settle()
    expect([stream.answers, stream.timers[0]?.stopped]).toEqual([['1 decision'], true])
  })

  it('is not decided at all when there is none left', async () => {
    const stream = openStream()
    stream.read()
    await stream.send({ items: [ask(1n, 0n)] })
    expect([stream.answers, stream.deciding.length]).toEqual([['1 DEADLINE_EXCEEDED'], 0])
  })
})

describe('an id that is still unanswered', () => {
  it('is refused for a second question, and the first goes on', async () => {
    const stream = openStream()
    stream.read()
    await stream.send({ items: [ask(1n), ask(1n)] })
    expect([stream.answers, stream.deciding.length]).toEqual([['1 INVALID_ARGUMENT'], 1])
    stream.deciding[0]?.decide()
    await settle()
    expect(stream.answers).toEqual(['1 INVALID_ARGUMENT', '1 decision'])
  })
})

describe('more questions than may be open', () => {
  it('wait in their message until one is answered and taken', async () => {
    const stream = openStream()
    stream.read()
    await stream.send({ items: Array.from({ length: 1100 }, (_, id) => ask(BigInt(id))) })
    expect(stream.deciding).toHaveLength(1024)
    for (const { decide } of stream.deciding.slice(0, 10)) decide()
    await settle()
    await settle()
    expect(stream.answers).toHaveLength(10)
    expect(stream.deciding).toHaveLength(1034)
  })
})

describe('a stream whose client is gone', () => {
  it('ends, and stops the timers of what was open', async () => {
    const stream = openStream()
    stream.read()
    await stream.send({ items: [ask(1n, 60n)] })
    stream.abort()
    await settle()
    expect([stream.ended(), stream.timers[0]?.stopped]).toEqual(['gone', true])
  })
})
