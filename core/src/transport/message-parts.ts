import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'

/**
 * Whether a message would be read into more parts than that: messages in it at any depth, numbers
 * in lists, and fields that the schema does not know. Each takes a byte or two on the wire and a
 * hundred times as much in memory, so that the size of a message does not bound what it costs.
 * Texts cost about what they take on the wire, and are not counted.
 *
 * @param bytes attacker-controlled
 * @throws when they are no message; the reader of the message says so, too
 */
export function holdsMoreParts(schema: DescMessage, bytes: Uint8Array, max: number): boolean {
  return bytes.length > max && countParts(schema, bytes, max) > max
}

/** Counts no further than it takes to know that there are more than `max`. */
function countParts(schema: DescMessage, bytes: Uint8Array, max: number): number {
  const fields = fieldsOf(schema)
  const reader = new BinaryReader(bytes)
  let parts = 0
  while (reader.pos < reader.len && parts <= max) {
    const [number, wireType] = reader.tag()
    const field = fields.get(number)
    if (field === undefined) {
      parts += 1
      reader.skip(wireType, number)
    } else if (wireType !== WireType.LengthDelimited) {
      parts += field.fieldKind === 'list' ? 1 : 0
      reader.skip(wireType, number)
    } else {
      parts += partsOf(field, reader.bytes(), max - parts)
    }
  }
  return parts
}

/** @param value what came for the field in one piece, after its length */
function partsOf(field: DescField, value: Uint8Array, max: number): number {
  if (field.fieldKind === 'map') return 1
  if (field.message !== undefined) return 1 + countParts(field.message, value, max)
  // A list of numbers in one piece, of which each takes at least a byte.
  return field.fieldKind === 'list' && field.packed ? value.length : 0
}

const known = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>()

function fieldsOf(schema: DescMessage): ReadonlyMap<number, DescField> {
  let fields = known.get(schema)
  if (fields === undefined) {
    fields = new Map(schema.fields.map((field) => [field.number, field]))
    known.set(schema, fields)
  }
  return fields
}
