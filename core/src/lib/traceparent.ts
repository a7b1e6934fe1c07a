/** Version, trace id, parent id and flags in lower-case hexadecimal. */
const VERSION_00 = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

/**
 * A W3C Trace Context `traceparent`, or `undefined` for text that is none: another version,
 * a trace or parent id of zeros, anything around it. As that specification says, who cannot
 * read one goes on without: a mistake of a tracing library must not keep a tool from running.
 *
 * @param text attacker-controlled, of any length
 */
export function parseTraceparent(text: string | undefined): string | undefined {
  if (text === undefined || !VERSION_00.test(text)) return undefined
  const [, traceId = '', parentId = ''] = text.split('-')
  return /^0+$/.test(traceId) || /^0+$/.test(parentId) ? undefined : text
}
