import { z } from 'zod'
import { encodeBase64url } from '../../lib/base64url.ts'
import { OriginRefused, parseHttpsOrigin } from '../../lib/https-origin.ts'
import { sha256 } from '../../lib/sha256.ts'
import { type YamlProblem, YamlRefused } from '../../lib/strict-yaml.ts'
import { parseYamlShape, strictObject } from '../../lib/yaml-shape.ts'
import type { Demands, Policy, PolicyRule } from './policy.ts'
import { PolicyRefused } from './policy-refused.ts'
import { parseToolPattern, type ToolPattern } from './tool-pattern.ts'
import { ToolPatternRefused } from './tool-pattern-refused.ts'

/** Largest policy file, in bytes. */
export const MAX_POLICY_BYTES = 1024 * 1024

/** `sha256:` + base64url of the SHA-256 of the file's bytes. */
export function policyVersion(file: Uint8Array | string): string {
  return `sha256:${encodeBase64url(sha256(toBytes(file)))}`
}

/**
 * Reads a policy file: YAML, at most 1 MiB, every field known. The result is frozen, and
 * its version names exactly these bytes.
 *
 * @throws {PolicyRefused} with the place of every mistake
 */
export function parsePolicyFile(file: Uint8Array | string): Policy {
  const bytes = toBytes(file)
  if (bytes.length > MAX_POLICY_BYTES) {
    throw new PolicyRefused(
      'POLICY_TOO_LARGE',
      wholeFile(`The file is larger than ${MAX_POLICY_BYTES} bytes: use patterns for groups of tools`),
    )
  }
  try {
    const { value, yaml } = parseYamlShape(toText(bytes), POLICY_FILE)
    const rules = (value.tools ?? []).map(({ match, deny, ...demands }, index): PolicyRule => {
      const { line } = yaml.locate(['tools', index])
      return deepFreeze({ index, line, patterns: match, deny: deny ?? false, demands: toDemands(demands) })
    })
    const fallback = value.default === undefined ? undefined : deepFreeze(toDemands(value.default))
    return Object.freeze({ version: policyVersion(bytes), default: fallback, rules: Object.freeze(rules) })
  } catch (refused) {
    if (!(refused instanceof YamlRefused)) throw refused
    throw new PolicyRefused('POLICY_INVALID', refused.problems, { cause: refused })
  }
}

const PATTERN = z.string().transform((text, context): ToolPattern => {
  try {
    return parseToolPattern(text)
  } catch (refused) {
    if (!(refused instanceof ToolPatternRefused)) throw refused
    context.addIssue({ code: 'custom', message: refused.message })
    return z.NEVER
  }
})

/** Level 0 badges name their own did:key as issuer. */
const DID_KEY = /^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/

const ISSUER = z.string().transform((text, context) => {
  if (DID_KEY.test(text)) return text
  try {
    return parseHttpsOrigin(text)
  } catch (refused) {
    if (!(refused instanceof OriginRefused)) throw refused
    context.addIssue({ code: 'custom', message: refused.message })
    return z.NEVER
  }
})

/** An audience is compared as a text: blanks at its ends are a mistake. */
const AUDIENCE = z.string().regex(/^\S+$/, 'An audience is an origin or a URN without blanks')

const atLeastOne = 'List at least one entry, or leave the field out'

const DEMANDS = {
  minTrustLevel: z.literal([0, 1, 2, 3, 4], 'A trust level is a number from 0 to 4').optional(),
  minIal: z.literal([0, 1], 'An identity assurance level is 0 or 1').optional(),
  requireBadge: z.boolean('Write true or false').optional(),
  issuers: z.array(ISSUER, 'Write a list of issuers').min(1, atLeastOne).optional(),
  audience: z.array(AUDIENCE, 'Write a list of audiences').min(1, atLeastOne).optional(),
}

type WrittenDemands = z.infer<ReturnType<typeof strictObject<typeof DEMANDS>>>

const needsBadge = ({ requireBadge, issuers, audience }: WrittenDemands) =>
  requireBadge !== false || (issuers === undefined && audience === undefined)

const NEEDS_BADGE = {
  message: 'Only a badge has issuers and an audience: leave requireBadge out or set it to true',
  path: ['requireBadge'],
}

const RULE = strictObject({
  match: z.array(PATTERN, 'Write a list of tool name patterns').min(1, 'List at least one pattern'),
  deny: z.boolean('Write true or false').optional(),
  ...DEMANDS,
}).refine(needsBadge, NEEDS_BADGE)

const DEFAULT = strictObject({
  ...DEMANDS,
  deny: z.never('To deny every tool that no rule matches, leave default out').optional(),
}).refine(needsBadge, NEEDS_BADGE)

const POLICY_FILE = strictObject({
  version: z.literal(1, 'This core reads policy files of version 1: write version: 1'),
  default: DEFAULT.optional(),
  tools: z.array(RULE, 'Write a list of rules').optional(),
})

function toDemands({ minTrustLevel, minIal, requireBadge, issuers, audience }: WrittenDemands): Demands {
  return {
    minTrustLevel: minTrustLevel ?? 0,
    minIal: minIal ?? 0,
    requireBadge: requireBadge === true || issuers !== undefined || audience !== undefined,
    issuers,
    audience,
  }
}

function toBytes(file: Uint8Array | string): Uint8Array {
  return typeof file === 'string' ? new TextEncoder().encode(file) : file
}

function toText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new PolicyRefused('POLICY_NOT_UTF8', wholeFile('The file is not UTF-8 text: save it as UTF-8'), { cause })
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}

function wholeFile(reason: string): readonly YamlProblem[] {
  return [{ line: 1, column: 1, reason }]
}
