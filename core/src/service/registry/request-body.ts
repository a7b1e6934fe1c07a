import type { Context } from 'hono'
import type { z } from 'zod'
import { RegistryRefused } from '../../domain/registry/registry-refused.ts'
import { parseStrictJsonObject } from '../../lib/strict-json.ts'

/** Most bytes of a request's body. */
export const MAX_BODY_BYTES = 64 * 1024

/**
 * Reads a body as strict JSON of the given shape. Members that the shape does not know are
 * ignored: older and other clients send more. No body is an empty object.
 *
 * @throws {RegistryRefused} invalid_request, naming the member and never quoting it
 */
export async function readBody<Shape extends z.ZodType>(context: Context, shape: Shape): Promise<z.infer<Shape>> {
  const text = await context.req.text()
  const parsed = shape.safeParse(text.trim() === '' ? {} : parseJson(text))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue?.path.join('.') ?? ''
  throw new RegistryRefused(
    'invalid_request',
    `The body's ${where === '' ? 'shape' : `member ${where}`} is not as it must be.`,
  )
}

function parseJson(text: string): unknown {
  try {
    return parseStrictJsonObject(text)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new RegistryRefused('invalid_request', 'The body must be a JSON object with unique names.', { cause })
  }
}
