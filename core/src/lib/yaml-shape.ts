import { z } from 'zod'
import { parseStrictYaml, type StrictYaml, type YamlProblem, YamlRefused } from './strict-yaml.ts'

/** A YAML text that has the demanded shape. */
export interface ShapedYaml<T> {
  readonly value: T
  readonly yaml: StrictYaml
}

/**
 * An object whose every member is named in the shape. An unknown member is refused, with
 * the known names: a misspelt demand must not be a demand that is not made.
 */
export function strictObject<T extends z.core.$ZodShape>(shape: T): z.ZodObject<T, z.core.$strict> {
  const known = Object.keys(shape).join(', ')
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? `Unknown field. Known here: ${known}` : undefined),
  })
}

/**
 * Reads strict YAML and checks its shape.
 *
 * @throws {YamlRefused} with the place of every mistake
 */
export function parseYamlShape<T>(text: string, shape: z.ZodType<T>): ShapedYaml<T> {
  const yaml = parseStrictYaml(text)
  const result = shape.safeParse(yaml.value)
  if (result.success) return { value: result.data, yaml }
  throw new YamlRefused(result.error.issues.flatMap((issue) => toProblems(issue, yaml)))
}

/** `tools[2].match`, or nothing for the whole. */
function showPath(path: readonly PropertyKey[]): string {
  return path
    .map((step, at) => (typeof step === 'number' ? `[${step}]` : `${at > 0 ? '.' : ''}${String(step)}`))
    .join('')
}

function toProblems(issue: z.core.$ZodIssue, yaml: StrictYaml): readonly YamlProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      ...yaml.locateKey(issue.path, key),
      reason: `${JSON.stringify(showPath([...issue.path, key]))}: ${issue.message}`,
    }))
  }
  const path = showPath(issue.path)
  return [{ ...yaml.locate(issue.path), reason: path === '' ? issue.message : `${path}: ${issue.message}` }]
}
