/** Deepest nesting of a message that is passed on. MCP's own messages have about ten levels. */
export const MAX_MESSAGE_DEPTH = 1000

/**
 * Whether a parsed message is nested too deeply to be written again: the runtime reads any
 * depth of JSON, but runs out of stack when it writes some thousand levels.
 */
export function isTooDeep(message: object): boolean {
  let level: object[] = [message]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth === MAX_MESSAGE_DEPTH) return true
    level = level.flatMap((value) => Object.values(value).filter(isContainer))
  }
  return false
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
