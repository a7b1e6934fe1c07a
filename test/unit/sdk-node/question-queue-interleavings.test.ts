import { create } from '@bufbuild/protobuf'
import { EvaluateToolAccessRequestSchema, EvaluateToolAccessResponseSchema } from '@capiscio/proto/core/v1'
import { StatusSchema } from '@capiscio/proto/google/rpc'
import { status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createQuestionQueue } from '../../../sdk-node/src/question-queue.ts'
import { createManualLoop } from '../../fakes/manual-loop.ts'
import { createScriptedTransport, type ScriptedStream } from '../../fakes/scripted-transport.ts'

/** `of` chooses among what is there at the time, so that every sequence means something. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('ask' as const), timeoutMs: fc.integer({ min: 1, max: 200 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('turn' as const, 'take' as const), of: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('answer' as const, 'refuse' as const), of: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('abort' as const, 'unary' as const), of: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 80 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('break' as const),
      of: fc.nat(),
      code: fc.constantFrom(undefined, status.UNAVAILABLE, status.INTERNAL, status.UNIMPLEMENTED),
    }),
  },
)

const at = <T>(list: readonly T[], of: number): T | undefined => list[of % Math.max(1, list.length)]

test('whatever comes in whatever order, each question settles once, with its own answer, and is asked once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const loop = createManualLoop()
      const transport = createScriptedTransport()
      const queue = createQuestionQueue(transport, { loop })
      const questions: { tool: string; controller: AbortController; settled: string[] }[] = []
      const over = new Set<ScriptedStream>()
      const unimplemented = new Set<string>()
      const alive = (): ScriptedStream[] => transport.streams.filter((stream) => !over.has(stream))

      const ask = (timeoutMs: number): void => {
        const question = { tool: `t${questions.length}`, controller: new AbortController(), settled: [] as string[] }
        questions.push(question)
        const request = create(EvaluateToolAccessRequestSchema, { toolName: question.tool })
        queue.ask(request, { signal: question.controller.signal, timeoutMs, secrets: [] }).then(
          ({ decision }) => question.settled.push(`answer of ${decision?.evidenceId}`),
          (error: { code: string }) => question.settled.push(error.code),
        )
      }
      const answer = (stream: ScriptedStream | undefined, of: number, error?: number): void => {
        const item = at(stream?.items() ?? [], of)
        if (item !== undefined)
          stream?.answer({ id: item.id, evidenceId: item.tool, ...(error !== undefined && { error }) })
      }
      const answerUnary = (of: number): void => {
        const call = at(transport.unaries, of)
        call?.resolve(create(EvaluateToolAccessResponseSchema, { decision: { evidenceId: call.request.toolName } }))
      }
      const end = (stream: ScriptedStream | undefined, code?: number): void => {
        if (stream === undefined) return
        over.add(stream)
        if (code === status.UNIMPLEMENTED) for (const { tool } of stream.items()) unimplemented.add(tool)
        const broken = create(StatusSchema, { code: code ?? 0, message: 'broken' })
        stream.end(code === undefined ? undefined : transport.failure('EvaluateToolAccessStream', broken))
      }

      for (const each of steps) {
        if (each.do === 'ask') ask(each.timeoutMs)
        if (each.do === 'turn') loop.turn()
        if (each.do === 'take') at(alive(), each.of)?.take()
        if (each.do === 'answer') answer(at(alive(), each.of), each.of >>> 3)
        if (each.do === 'refuse') answer(at(alive(), each.of), each.of >>> 3, status.UNAVAILABLE)
        if (each.do === 'abort') at(questions, each.of)?.controller.abort()
        if (each.do === 'unary') answerUnary(each.of)
        if (each.do === 'wait') loop.advance(each.ms)
        if (each.do === 'break') end(at(alive(), each.of), each.code)
        // Some steps follow at once, some after the promises of others have settled.
        if (each.do !== 'ask') await Promise.resolve()
      }

      // Everything that is still open is answered.
      for (let round = 0; round < questions.length + 2; round += 1) {
        loop.turn()
        for (const stream of alive()) {
          stream.take()
          stream.answer(...stream.items().map(({ id, tool }) => ({ id, evidenceId: tool })))
        }
        for (const index of transport.unaries.keys()) answerUnary(index)
      }
      for (const stream of alive()) end(stream)
      await new Promise((resolve) => setImmediate(resolve))

      for (const { tool, settled } of questions) {
        expect(settled).toHaveLength(1)
        const [outcome = ''] = settled
        if (outcome.startsWith('answer')) expect(outcome).toBe(`answer of ${tool}`)
        const onStreams = transport.streams.flatMap((stream) => stream.items()).filter((item) => item.tool === tool)
        const alone = transport.unaries.filter(({ request }) => request.toolName === tool)
        expect(onStreams.length).toBeLessThanOrEqual(1)
        // Twice only by a core that has never read the stream.
        expect(onStreams.length + alone.length).toBeLessThanOrEqual(unimplemented.has(tool) ? 2 : 1)
      }
    }),
    { numRuns: 300 },
  )
})
