import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  EvaluateToolAccessRequestSchema,
  EvaluateToolAccessStreamRequestSchema,
  FilterToolsRequestSchema,
} from '@capiscio/proto/core/v1'
import { describe, expect, it } from 'vitest'
import { decodeMessage } from '../../../core/src/transport/grpc-message.ts'
import { holdsMoreParts } from '../../../core/src/transport/message-parts.ts'
import { refusalOf } from '../../tools/refusal.ts'

const repeat = (count: number, ...piece: number[]): Uint8Array => new Uint8Array(Array(count).fill(piece).flat())
const encode = <M extends DescMessage>(schema: M, message: MessageInitShape<M>): Uint8Array =>
  toBinary(schema, create(schema, message))

describe('the parts of a message', () => {
  const STREAM = EvaluateToolAccessStreamRequestSchema

  it.each<[string, DescMessage, Uint8Array, number]>([
    ['messages in a list', STREAM, repeat(100, 0x0a, 0), 100],
    ['messages in messages', STREAM, repeat(50, 0x0a, 2, 0x12, 0), 100],
    ['numbers in a list, in one piece', STREAM, Uint8Array.of(0x12, 100, ...repeat(100, 7)), 100],
    ['numbers in a list, one by one', STREAM, repeat(100, 0x10, 7), 100],
    ['fields that nobody knows', STREAM, repeat(100, 0xf8, 0x7f, 0), 100],
    ['fields that nobody knows, far inside', STREAM, repeat(25, 0x0a, 7, 0x12, 5, 0x32, 3, 0xf8, 0x7f, 0), 100],
  ])('counts %s', (_what, schema, bytes, parts) => {
    expect(holdsMoreParts(schema, bytes, parts - 1)).toBe(true)
    expect(holdsMoreParts(schema, bytes, parts)).toBe(false)
  })

  it.each<[string, DescMessage, Uint8Array]>([
    ['texts', EvaluateToolAccessRequestSchema, encode(EvaluateToolAccessRequestSchema, { toolName: 'x'.repeat(500) })],
    ['lists of texts', FilterToolsRequestSchema, repeat(1, 0x0a, 102, 0x12, 100, ...repeat(50, 0x2a, 0))],
  ])('does not count %s', (_what, schema, bytes) => {
    expect(holdsMoreParts(schema, bytes, 2)).toBe(false)
  })
})

describe('a message that is read', () => {
  it('may hold the longest listing that is answered, each tool with demands', () => {
    const tool = { toolName: 'read', config: { minTrustLevel: 2, allowedTools: ['read_*', 'list_*'] } }
    const bytes = encode(FilterToolsRequestSchema, { tools: Array(1024).fill(tool) })
    expect(decodeMessage(FilterToolsRequestSchema, bytes).tools).toHaveLength(1024)
  })

  it('of too many parts is refused before they are made', () => {
    const bytes = repeat(1_000_000, 0x0a, 0)
    expect(refusalOf(() => decodeMessage(EvaluateToolAccessStreamRequestSchema, bytes))).toBe(
      'RpcFault RESOURCE_EXHAUSTED',
    )
  })

  it('that is none is refused as such, however long', () => {
    for (const bytes of [repeat(1, 0xff), repeat(20_000, 0xff)]) {
      expect(refusalOf(() => decodeMessage(EvaluateToolAccessStreamRequestSchema, bytes))).toBe(
        'RpcFault INVALID_ARGUMENT',
      )
    }
  })
})
