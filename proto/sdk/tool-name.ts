/** @throws TypeError unless the value can be sent as a tool name without being changed. */
export function requireToolName(value: unknown): asserts value is string {
  if (typeof value !== 'string' || value === '' || !value.isWellFormed()) {
    throw new TypeError('A tool needs a name: a non-empty, well-formed string.')
  }
}
