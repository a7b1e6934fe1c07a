import { toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { DurationSchema, durationFromMs } from '@bufbuild/protobuf/wkt'
import { EvaluateToolAccessStreamItemSchema, EvaluateToolAccessStreamRequestSchema } from '@capiscio/proto/core/v1'

/** One question as it stands in a message of the stream. */
export interface MessageItem {
  /** Unique among the unanswered questions of the stream. */
  readonly requestId: bigint
  /** `EvaluateToolAccessRequest`, encoded. */
  readonly request: Uint8Array
  /** How long the answer is of use, in milliseconds. */
  readonly timeoutMs: number
}

/** Bytes that an item takes beside its question, at most: tags, lengths, id and timeout. */
export const ITEM_OVERHEAD_BYTES = 48

const { items: ITEMS, cancel: CANCEL } = EvaluateToolAccessStreamRequestSchema.field
const { requestId: REQUEST_ID, request: REQUEST, timeout: TIMEOUT } = EvaluateToolAccessStreamItemSchema.field

/**
 * Encodes one `EvaluateToolAccessStreamRequest`. The questions in it are encoded already: when
 * they were asked, so that nothing can change them while they wait, and so that their size is known.
 */
export function encodeQuestionMessage(items: readonly MessageItem[], cancel: readonly bigint[]): Uint8Array {
  const writer = new BinaryWriter()
  for (const { requestId, request, timeoutMs } of items) {
    const timeout = toBinary(DurationSchema, durationFromMs(timeoutMs))
    writer.tag(ITEMS.number, WireType.LengthDelimited).fork()
    writer.tag(REQUEST_ID.number, WireType.Varint).uint64(requestId)
    writer.tag(REQUEST.number, WireType.LengthDelimited).bytes(request)
    writer.tag(TIMEOUT.number, WireType.LengthDelimited).bytes(timeout)
    writer.join()
  }
  if (cancel.length > 0) {
    writer.tag(CANCEL.number, WireType.LengthDelimited).fork()
    for (const requestId of cancel) writer.uint64(requestId)
    writer.join()
  }
  return writer.finish()
}
