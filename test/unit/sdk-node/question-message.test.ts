import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import { EvaluateToolAccessRequestSchema, EvaluateToolAccessStreamRequestSchema } from '@capiscio/proto/core/v1'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeQuestionMessage, ITEM_OVERHEAD_BYTES } from '../../../sdk-node/src/question-message.ts'

const items = fc.array(
  fc.record({
    requestId: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    toolName: fc.string(),
    badge: fc.option(fc.string(), { nil: undefined }),
    timeoutMs: fc.integer({ min: 1, max: 2_147_483_647 }),
  }),
  { maxLength: 20 },
)
const cancel = fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { maxLength: 20 })

test('a message of encoded questions is what the library makes of them, byte for byte', () => {
  fc.assert(
    fc.property(items, cancel, (questions, cancelled) => {
      const requests = questions.map(({ toolName, badge }) =>
        create(EvaluateToolAccessRequestSchema, {
          toolName,
          ...(badge !== undefined && { credential: { case: 'badgeJws', value: badge } }),
        }),
      )
      const encoded = questions.map(({ requestId, timeoutMs }, index) => ({
        requestId,
        timeoutMs,
        request: toBinary(EvaluateToolAccessRequestSchema, requests[index] ?? create(EvaluateToolAccessRequestSchema)),
      }))
      const message = create(EvaluateToolAccessStreamRequestSchema, {
        items: questions.map(({ requestId, timeoutMs }, index) => ({
          requestId,
          request: requests[index],
          timeout: durationFromMs(timeoutMs),
        })),
        cancel: cancelled,
      })
      const bytes = encodeQuestionMessage(encoded, cancelled)
      expect(fromBinary(EvaluateToolAccessStreamRequestSchema, bytes)).toEqual(message)
      // The library leaves out an id of zero, which means the same.
      if (questions.every(({ requestId }) => requestId > 0n)) {
        expect(bytes).toEqual(toBinary(EvaluateToolAccessStreamRequestSchema, message))
      }
    }),
  )
})

test('an item takes at most its overhead beside its question', () => {
  const request = new Uint8Array(64 * 1024)
  const [requestId, timeoutMs] = [(1n << 64n) - 1n, 2_147_483_647]
  const { length } = encodeQuestionMessage([{ requestId, request, timeoutMs }], [])
  expect(length - request.length).toBeLessThanOrEqual(ITEM_OVERHEAD_BYTES)
  expect(encodeQuestionMessage([], [])).toHaveLength(0)
})
