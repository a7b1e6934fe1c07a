import { create } from '@bufbuild/protobuf'
import type { EvaluateToolAccessResponse } from '@capiscio/proto/core/v1'
import {
  EvaluateToolAccessRequestSchema,
  EvaluateToolAccessResponseSchema,
  EvaluateToolAccessStreamResponseSchema,
} from '@capiscio/proto/core/v1'
import { StatusSchema } from '@capiscio/proto/google/rpc'
import {
  CallAbortedError,
  ClientClosedError,
  CoreConnectionError,
  CoreFaultError,
  CoreTimeoutError,
  CoreUnavailableError,
  InvalidRequestError,
  MethodUnimplementedError,
} from '@capiscio/proto/sdk'
import { status } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { QuestionQueue } from '../../../sdk-node/src/question-queue.ts'
import { createQuestionQueue, MAX_ITEMS, MAX_OPEN, MAX_WAITING } from '../../../sdk-node/src/question-queue.ts'
import { IDLE_MS, LINGER_MS, MAX_AGE_MS } from '../../../sdk-node/src/question-stream.ts'
import type { FailureFor } from '../../../sdk-node/src/transport.ts'
import { createManualLoop, type ManualLoop } from '../../fakes/manual-loop.ts'
import {
  createScriptedTransport,
  type ScriptedStream,
  type ScriptedTransport,
  type ScriptedUnary,
} from '../../fakes/scripted-transport.ts'

let loop: ManualLoop
let transport: ScriptedTransport
let queue: QuestionQueue

beforeEach(() => {
  loop = createManualLoop()
  transport = createScriptedTransport()
  queue = createQuestionQueue(transport, { loop })
})

interface AskOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  readonly secrets?: readonly string[]
  /** Bytes of tool name beyond its own. */
  readonly padding?: number
}

/** Asks, and tells what became of it: nothing, the evidence id of the answer, or the error. */
function ask(toolName: string, { padding = 0, ...limits }: AskOptions = {}) {
  const request = create(EvaluateToolAccessRequestSchema, { toolName: toolName + 'x'.repeat(padding) })
  const asked: { outcome: unknown; readonly request: typeof request } = { outcome: 'pending', request }
  queue.ask(request, { timeoutMs: 10_000, secrets: [], ...limits }).then(
    ({ decision }) => {
      asked.outcome = decision === undefined ? 'no decision' : decision.evidenceId
    },
    (error) => {
      asked.outcome = error
    },
  )
  return asked
}

/** Lets promises settle; time stands still. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const decision = (evidenceId: string): EvaluateToolAccessResponse =>
  create(EvaluateToolAccessResponseSchema, { decision: { evidenceId } })

const brokenBy = (code: number, message = 'broken'): FailureFor =>
  transport.failure('EvaluateToolAccessStream', create(StatusSchema, { code, message }))

const unary = (index = 0): ScriptedUnary => transport.unaries[index] ?? expect.unreachable(`no call ${index}`)
const stream = (index = 0): ScriptedStream => transport.streams[index] ?? expect.unreachable(`no stream ${index}`)
const toolsOf = (of: ScriptedStream): string[] => of.items().map(({ tool }) => tool)

/** Something is under way, so that whatever follows goes together. */
function busy(): void {
  ask('busy')
}

describe('a question', () => {
  test('that is alone goes at once as a call of its own', async () => {
    const first = ask('first', { timeoutMs: 700, secrets: ['s'] })
    expect(transport.unaries).toHaveLength(1)
    expect(unary().request.toolName).toBe('first')
    expect(unary().options).toMatchObject({ timeoutMs: 700, secrets: ['s'] })
    unary().resolve(decision('e1'))
    await settled()
    expect(first.outcome).toBe('e1')
    ask('second')
    loop.turn()
    expect([transport.unaries.length, transport.streams.length]).toEqual([2, 0])
  })

  test('that comes while another is under way goes over a stream, with all of its turn', async () => {
    busy()
    const asked = ['a', 'b', 'c'].map((tool) => ask(tool))
    expect(transport.streams).toHaveLength(0)
    loop.turn()
    expect(transport.unaries).toHaveLength(1)
    expect(stream().messages.map(({ items }) => items.length)).toEqual([3])
    expect(toolsOf(stream())).toEqual(['a', 'b', 'c'])
    const [a, b, c] = stream()
      .items()
      .map(({ id }) => id)
    if (a === undefined || b === undefined || c === undefined) expect.unreachable('three items')
    stream().answer({ id: c, evidenceId: 'ec' }, { id: a, evidenceId: 'ea' })
    await settled()
    expect(asked.map(({ outcome }) => outcome)).toEqual(['ea', 'pending', 'ec'])
    stream().answer({ id: b, evidenceId: 'eb' })
    await settled()
    expect(asked.map(({ outcome }) => outcome)).toEqual(['ea', 'eb', 'ec'])
  })

  test('that comes later goes in the next message of the same stream', () => {
    busy()
    ask('a')
    loop.turn()
    ask('b')
    loop.turn()
    expect(stream().messages).toHaveLength(1)
    stream().take()
    loop.turn()
    expect(toolsOf(stream())).toEqual(['a', 'b'])
    expect(stream().messages.map(({ items }) => items.length)).toEqual([1, 1])
    expect(transport.streams).toHaveLength(1)
  })

  test('is sent as it was when it was asked', () => {
    busy()
    const { request } = ask('a')
    request.toolName = 'drop_table'
    loop.turn()
    expect(toolsOf(stream())).toEqual(['a'])
  })

  test('keeps its answer, whatever else the core says', async () => {
    busy()
    const [a, b] = [ask('a'), ask('b')]
    loop.turn()
    stream().answer({ id: 1n, evidenceId: 'ea' }, { id: 1n, evidenceId: 'other' }, { id: 99n, evidenceId: 'nobody' })
    stream().answer({ id: 1n, error: status.INTERNAL })
    await settled()
    expect([a.outcome, b.outcome]).toEqual(['ea', 'pending'])
  })

  test('whose answer holds neither decision nor error has no decision', async () => {
    busy()
    const asked = ask('a')
    loop.turn()
    stream().say(create(EvaluateToolAccessStreamResponseSchema, { results: [{ requestId: 1n }] }))
    await settled()
    expect(asked.outcome).toBe('no decision')
  })

  test('that is bad fails alone, with the error of a call of its own', async () => {
    busy()
    const [bad, good] = [ask('bad', { timeoutMs: 123 }), ask('good')]
    loop.turn()
    stream().answer({ id: 1n, error: status.INVALID_ARGUMENT }, { id: 2n, evidenceId: 'e2' })
    await settled()
    expect(bad.outcome).toBeInstanceOf(InvalidRequestError)
    expect(bad.outcome).toHaveProperty('message', expect.stringContaining('refused EvaluateToolAccess:'))
    expect(good.outcome).toBe('e2')
  })
})

describe('the time of a question', () => {
  test('begins when it is asked, and the core is told what is left', () => {
    busy()
    ask('a', { timeoutMs: 1_000 })
    ask('b', { timeoutMs: 30 })
    loop.turn()
    ask('c', { timeoutMs: 1_000 })
    loop.advance(400)
    stream().take()
    loop.turn()
    expect(stream().items()).toMatchObject([
      { tool: 'a', timeoutMs: 1_000 },
      { tool: 'b', timeoutMs: 30 },
      { tool: 'c', timeoutMs: 600 },
    ])
  })

  test('ends it alone, to the millisecond, and the core is told', async () => {
    busy()
    const [late, patient] = [ask('late', { timeoutMs: 1_000 }), ask('patient', { timeoutMs: 1_001 })]
    loop.turn()
    stream().take()
    loop.advance(999)
    await settled()
    expect(late.outcome).toBe('pending')
    loop.advance(1)
    await settled()
    expect(late.outcome).toBeInstanceOf(CoreTimeoutError)
    expect(late.outcome).toHaveProperty(
      'message',
      expect.stringContaining('did not answer EvaluateToolAccess within 1000 ms'),
    )
    expect(patient.outcome).toBe('pending')
    expect(stream().cancelled()).toEqual([1n])
    stream().answer({ id: 1n, evidenceId: 'too late' }, { id: 2n, evidenceId: 'e2' })
    await settled()
    expect(late.outcome).toBeInstanceOf(CoreTimeoutError)
    expect(patient.outcome).toBe('e2')
  })

  test('may end before it is sent; then it is not', async () => {
    busy()
    ask('a')
    loop.turn()
    const waiting = ask('b', { timeoutMs: 50 })
    loop.advance(50)
    await settled()
    expect(waiting.outcome).toBeInstanceOf(CoreTimeoutError)
    stream().take()
    loop.turn()
    expect(toolsOf(stream())).toEqual(['a'])
    expect(stream().cancelled()).toEqual([])
  })
})

describe('a question that is aborted', () => {
  test('before it is asked is not asked', async () => {
    busy()
    const asked = ask('a', { signal: AbortSignal.abort('user left') })
    loop.turn()
    await settled()
    expect(asked.outcome).toBeInstanceOf(CallAbortedError)
    expect(asked.outcome).toHaveProperty('cause', 'user left')
    expect(transport.streams).toHaveLength(0)
  })

  test('before it is sent is not', async () => {
    busy()
    const controller = new AbortController()
    const asked = ask('a', { signal: controller.signal })
    ask('b')
    controller.abort('user left')
    await settled()
    expect(asked.outcome).toBeInstanceOf(CallAbortedError)
    expect(asked.outcome).toHaveProperty('cause', 'user left')
    loop.turn()
    expect(toolsOf(stream())).toEqual(['b'])
  })

  test('meanwhile rejects at once, alone, and the core is told', async () => {
    busy()
    const controller = new AbortController()
    const [asked, other] = [ask('a', { signal: controller.signal }), ask('b')]
    loop.turn()
    controller.abort('user left')
    await settled()
    expect(asked.outcome).toBeInstanceOf(CallAbortedError)
    expect(other.outcome).toBe('pending')
    expect(stream().cancelled()).toEqual([])
    stream().take()
    loop.turn()
    expect(stream().cancelled()).toEqual([1n])
    // Told once.
    ask('c')
    stream().take()
    loop.turn()
    expect(stream().cancelled()).toEqual([1n])
    stream().answer({ id: 1n, evidenceId: 'too late' }, { id: 2n, evidenceId: 'e2' })
    await settled()
    expect([(asked.outcome as Error).name, other.outcome]).toEqual(['AbortError', 'e2'])
  })

  test('after its answer changes nothing, and its signal keeps no listener', async () => {
    busy()
    const controller = new AbortController()
    const add = vi.spyOn(controller.signal, 'addEventListener')
    const remove = vi.spyOn(controller.signal, 'removeEventListener')
    const asked = ask('a', { signal: controller.signal })
    loop.turn()
    stream().answer({ id: 1n, evidenceId: 'e1' })
    controller.abort()
    await settled()
    expect(asked.outcome).toBe('e1')
    expect(add).toHaveBeenCalledOnce()
    expect(remove.mock.calls.map(([, listener]) => listener)).toContain(add.mock.calls[0]?.[1])
    stream().take()
    loop.turn()
    expect(stream().cancelled()).toEqual([])
  })
})

describe('what goes in one message and on one stream is bounded', () => {
  test('by the number of questions', async () => {
    busy()
    const count = MAX_OPEN + 10
    const asked = Array.from({ length: count }, (_, index) => ask(`t${index}`))
    loop.turn()
    expect(stream().messages.map(({ items }) => items.length)).toEqual([MAX_ITEMS])
    for (let taken = 0; taken < 10; taken += 1) {
      stream().take()
      loop.turn()
    }
    // The rest waits for answers.
    expect(toolsOf(stream())).toHaveLength(MAX_OPEN)
    stream().answer({ id: 1n, evidenceId: 'e1' }, { id: 2n, evidenceId: 'e2' })
    loop.turn()
    expect(toolsOf(stream())).toHaveLength(MAX_OPEN + 2)
    expect(stream().messages.at(-1)?.items).toHaveLength(2)
    stream().take()
    stream().answer(...Array.from({ length: MAX_OPEN }, (_, index) => ({ id: BigInt(index + 3), evidenceId: 'e' })))
    loop.turn()
    expect(toolsOf(stream())).toEqual(asked.map(({ request }) => request.toolName))
  })

  test('by bytes', () => {
    busy()
    for (let index = 0; index < 12; index += 1) ask(`t${index}`, { padding: 60 * 1024 })
    loop.turn()
    while (toolsOf(stream()).length < 12) {
      stream().take()
      loop.turn()
    }
    expect(stream().messages.map(({ items }) => items.length)).toEqual([4, 4, 4])
    expect(Math.max(...stream().bytes)).toBeLessThanOrEqual(256 * 1024)
  })

  test('by what the core takes', () => {
    queue = createQuestionQueue(transport, { loop, maxMessageBytes: 16 * 1024 })
    busy()
    for (let index = 0; index < 8; index += 1) ask(`t${index}`, { padding: 3_900 })
    loop.turn()
    while (toolsOf(stream()).length < 8) {
      stream().take()
      loop.turn()
    }
    expect(stream().messages.map(({ items }) => items.length)).toEqual([4, 4])
    expect(Math.max(...stream().bytes)).toBeLessThanOrEqual(16 * 1024)
    expect(transport.unaries).toHaveLength(1)
  })

  test('and a question that is large goes alone, so that it fails alone', () => {
    busy()
    ask('small')
    ask('large', { padding: 64 * 1024 })
    loop.turn()
    expect(toolsOf(stream())).toEqual(['small'])
    expect(transport.unaries).toHaveLength(2)
  })

  test('and whoever comes when too many wait is told to come back', async () => {
    busy()
    ask('sent')
    loop.turn()
    for (let index = 0; index < MAX_WAITING; index += 1) ask('waits')
    const [tooMany, andAnother] = [ask('too many'), ask('and another')]
    await settled()
    expect(tooMany.outcome).toBeInstanceOf(CoreUnavailableError)
    expect(tooMany.outcome).toMatchObject({ code: 'CORE_UNAVAILABLE', retryAfterMs: 1_000 })
    expect(andAnother.outcome).toBeInstanceOf(CoreUnavailableError)
    stream().take()
    loop.turn()
    const last = ask('fits again')
    await settled()
    expect(last.outcome).toBe('pending')
  })
})

describe('a stream that breaks', () => {
  test('fails what was sent, which may have reached the core, and asks the rest anew, once', async () => {
    busy()
    const sent = [ask('a', { timeoutMs: 123 }), ask('b')]
    loop.turn()
    const waiting = [ask('c'), ask('d')]
    stream().answer({ id: 2n, evidenceId: 'eb' })
    stream().end(brokenBy(status.UNAVAILABLE))
    loop.turn()
    await settled()
    expect(sent[0]?.outcome).toBeInstanceOf(CoreUnavailableError)
    expect(sent[1]?.outcome).toBe('eb')
    expect(waiting.map(({ outcome }) => outcome)).toEqual(['pending', 'pending'])
    expect(toolsOf(stream(1))).toEqual(['c', 'd'])
    stream(1).answer({ id: 1n, evidenceId: 'ec' }, { id: 2n, evidenceId: 'ed' })
    await settled()
    expect(waiting.map(({ outcome }) => outcome)).toEqual(['ec', 'ed'])
    expect([transport.streams.length, transport.unaries.length]).toEqual([2, 1])
  })

  test('gives each its own error, from which the secrets of all are gone', async () => {
    busy()
    const asked = [ask('a', { secrets: ['key-of-a'] }), ask('b', { secrets: ['key-of-b'] })]
    loop.turn()
    stream().end(brokenBy(status.INTERNAL, 'while reading key-of-a and key-of-b'))
    await settled()
    for (const { outcome } of asked) {
      expect(outcome).toBeInstanceOf(CoreFaultError)
      expect((outcome as Error).message).toContain('while reading [redacted] and [redacted]')
    }
    expect(asked[0]?.outcome).not.toBe(asked[1]?.outcome)
  })

  test('in order, although answers are owed, is a fault of the core', async () => {
    busy()
    const asked = ask('a')
    loop.turn()
    stream().end()
    await settled()
    expect(asked.outcome).toBeInstanceOf(CoreFaultError)
  })

  test('while nothing is open is not noticed, and the next questions have another one', async () => {
    busy()
    const asked = ask('a')
    loop.turn()
    stream().answer({ id: 1n, evidenceId: 'e1' })
    stream().end(brokenBy(status.UNAVAILABLE))
    await settled()
    expect(asked.outcome).toBe('e1')
    ask('b')
    loop.turn()
    expect(toolsOf(stream(1))).toEqual(['b'])
  })
})

describe('a core without the stream', () => {
  test('is asked the same alone, with the time that is left, and never asked for a stream again', async () => {
    busy()
    const asked = [ask('a', { timeoutMs: 1_000, secrets: ['s'] }), ask('b')]
    loop.turn()
    const waiting = ask('c')
    loop.advance(400)
    stream().end(brokenBy(status.UNIMPLEMENTED))
    loop.turn()
    expect(transport.unaries.map(({ request }) => request.toolName)).toEqual(['busy', 'a', 'b', 'c'])
    expect(unary(1).options).toMatchObject({ timeoutMs: 600, secrets: ['s'] })
    unary(1).resolve(decision('ea'))
    unary(2).reject(new CoreConnectionError('gone'))
    unary(3).resolve(decision('ec'))
    await settled()
    expect([asked[0]?.outcome, waiting.outcome]).toEqual(['ea', 'ec'])
    expect(asked[1]?.outcome).toBeInstanceOf(CoreConnectionError)
    ask('d')
    ask('e')
    loop.turn()
    expect([transport.streams.length, transport.unaries.length]).toEqual([1, 6])
  })

  test('is not what a core is that has answered on it', async () => {
    busy()
    const asked = [ask('a'), ask('b')]
    loop.turn()
    stream().answer({ id: 1n, evidenceId: 'ea' })
    stream().end(brokenBy(status.UNIMPLEMENTED))
    await settled()
    expect(asked[0]?.outcome).toBe('ea')
    expect(asked[1]?.outcome).toBeInstanceOf(MethodUnimplementedError)
    expect(transport.unaries).toHaveLength(1)
  })

  test('gives up a question that is aborted meanwhile', async () => {
    busy()
    const controller = new AbortController()
    const asked = ask('a', { signal: controller.signal })
    loop.turn()
    stream().end(brokenBy(status.UNIMPLEMENTED))
    expect(unary(1).options.signal).toBe(controller.signal)
    controller.abort()
    await settled()
    expect(asked.outcome).toBeInstanceOf(CallAbortedError)
    expect(loop.timers).toBe(0)
  })

  test('is asked nothing twice when an older stream still answers', () => {
    busy()
    ask('a', { timeoutMs: 60_000 })
    loop.turn()
    stream().take()
    loop.advance(MAX_AGE_MS)
    ask('b')
    loop.turn()
    ask('c')
    stream(1).end(brokenBy(status.UNIMPLEMENTED))
    loop.turn()
    stream().answer({ id: 1n })
    loop.turn()
    expect(transport.unaries.map(({ request }) => request.toolName)).toEqual(['busy', 'b', 'c'])
  })
})

describe('a stream takes no more questions', () => {
  test('when it was idle for a moment, and not before', async () => {
    busy()
    ask('a')
    loop.turn()
    stream().take()
    loop.advance(10 * IDLE_MS)
    expect(stream().state.isFinished).toBe(false)
    stream().answer({ id: 1n })
    loop.advance(IDLE_MS - 1)
    ask('b')
    loop.turn()
    stream().take()
    loop.advance(10 * IDLE_MS)
    expect([transport.streams.length, stream().state.isFinished]).toEqual([1, false])
    stream().answer({ id: 2n })
    loop.advance(IDLE_MS - 1)
    expect(stream().state.isFinished).toBe(false)
    loop.advance(1)
    expect(stream().state).toEqual({ isFinished: true, isCancelled: false })
    ask('c')
    loop.turn()
    expect(toolsOf(stream(1))).toEqual(['c'])
  })

  test('when it is idle because its questions were given up, and has told so', async () => {
    busy()
    ask('a', { timeoutMs: 20 })
    loop.turn()
    stream().take()
    loop.advance(20)
    expect(stream().cancelled()).toEqual([1n])
    stream().take()
    loop.advance(IDLE_MS)
    expect(stream().state.isFinished).toBe(true)
  })

  test('when it is old; those on it are still answered', async () => {
    busy()
    ask('a', { timeoutMs: 60_000 })
    loop.turn()
    stream().take()
    const last = ask('b', { timeoutMs: 60_000 })
    loop.turn()
    stream().take()
    loop.advance(MAX_AGE_MS - 1)
    expect(stream().state.isFinished).toBe(false)
    loop.advance(1)
    expect(stream().state).toEqual({ isFinished: true, isCancelled: false })
    ask('c')
    loop.turn()
    expect(toolsOf(stream(1))).toEqual(['c'])
    stream().answer({ id: 2n, evidenceId: 'eb' })
    await settled()
    expect(last.outcome).toBe('eb')
  })

  test('when it is old, also while the connection has not taken the last message', () => {
    busy()
    ask('a', { timeoutMs: 60_000 })
    loop.turn()
    ask('b', { timeoutMs: 60_000 })
    loop.turn()
    loop.advance(MAX_AGE_MS)
    loop.turn()
    expect([toolsOf(stream()), toolsOf(stream(1))]).toEqual([['a'], ['b']])
  })

  test('when the core says that it cannot decide now', async () => {
    busy()
    const [refused, accepted] = [ask('a'), ask('b')]
    loop.turn()
    stream().take()
    stream().answer({ id: 1n, error: status.UNAVAILABLE })
    ask('c')
    loop.turn()
    expect(stream().state).toEqual({ isFinished: true, isCancelled: false })
    expect([toolsOf(stream()), toolsOf(stream(1))]).toEqual([['a', 'b'], ['c']])
    stream().answer({ id: 2n, evidenceId: 'eb' })
    await settled()
    expect(refused.outcome).toBeInstanceOf(CoreUnavailableError)
    expect(accepted.outcome).toBe('eb')
  })

  test('and is cancelled when the core does not end it after its last question', () => {
    busy()
    ask('a')
    loop.turn()
    stream().answer({ id: 1n })
    loop.advance(IDLE_MS + LINGER_MS - 1)
    expect(stream().state).toEqual({ isFinished: true, isCancelled: false })
    loop.advance(1)
    expect(stream().state.isCancelled).toBe(true)
  })

  test('and is cancelled likewise when it had questions at its end', () => {
    busy()
    ask('a', { timeoutMs: 60_000 })
    loop.turn()
    loop.advance(MAX_AGE_MS + LINGER_MS)
    stream().answer({ id: 1n })
    expect(stream().state).toEqual({ isFinished: true, isCancelled: false })
    loop.advance(LINGER_MS)
    expect(stream().state.isCancelled).toBe(true)
  })

  test.each([
    ['idle', undefined],
    ['refused', status.UNAVAILABLE],
  ])('and leaves no timer behind when it was %s and is over', (_why, error) => {
    busy()
    ask('a')
    loop.turn()
    stream().answer({ id: 1n, ...(error !== undefined && { error }) })
    if (error === undefined) loop.advance(IDLE_MS)
    expect(stream().state.isFinished).toBe(true)
    stream().end()
    expect(loop.timers).toBe(0)
  })
})

describe('closing', () => {
  test('fails everything without an answer and ends the stream', async () => {
    busy()
    const asked = [ask('a'), ask('b')]
    loop.turn()
    asked.push(ask('c'))
    queue.close()
    await settled()
    for (const { outcome } of asked) expect(outcome).toBeInstanceOf(ClientClosedError)
    expect(stream().state.isCancelled).toBe(true)
    loop.turn()
    stream().end(brokenBy(status.CANCELLED))
    loop.turn()
    expect(toolsOf(stream())).toEqual(['a', 'b'])
    const late = ask('d')
    await settled()
    expect(late.outcome).toBeInstanceOf(ClientClosedError)
    expect([transport.streams.length, transport.unaries.length, loop.timers]).toEqual([1, 1, 0])
  })

  test('ends an idle stream in order', async () => {
    busy()
    ask('a')
    loop.turn()
    stream().answer({ id: 1n })
    queue.close()
    expect(stream().state).toEqual({ isFinished: true, isCancelled: false })
  })
})
