/** The question whose record is looked at. */
export interface AskedFor {
  readonly toolName: string
  readonly paramsHash: string
}

/**
 * Says why a record is not proof that exactly this call was allowed, or undefined when it
 * is. A handler runs only on such a record: an ALLOW for another tool, other arguments or
 * without a record is an answer to something else.
 */
export function problemWithRecord(evidenceJson: string, evidenceId: string, asked: AskedFor): string | undefined {
  let record: unknown
  try {
    record = JSON.parse(evidenceJson)
  } catch {
    return 'the record is not JSON'
  }
  if (typeof record !== 'object' || record === null) return 'the record is not a JSON object'
  const fields: readonly (readonly [name: string, expected: string])[] = [
    ['event.name', 'capiscio.tool_invocation'],
    ['capiscio.decision', 'ALLOW'],
    ['capiscio.target', asked.toolName],
    ['capiscio.tool.params_hash', asked.paramsHash],
    ['id', evidenceId],
  ]
  const wrong = fields.find(
    ([name, expected]) => !Object.hasOwn(record, name) || Reflect.get(record, name) !== expected,
  )
  return wrong === undefined ? undefined : `the record's "${wrong[0]}" is not what was asked for`
}
