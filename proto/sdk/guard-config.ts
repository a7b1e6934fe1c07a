import { create } from '@bufbuild/protobuf'
import type { GuardConfig as GuardConfigMessage } from '../core-v1.ts'
import { EnforcementMode as EnforcementModeNumber, GuardConfigSchema } from '../core-v1.ts'
import type { IdentityAssuranceLevel, TrustLevel } from './enums/decision.ts'
import { EnforcementMode } from './enums/decision.ts'

/**
 * What a tool demands of its callers. Everything can only tighten what the core's own
 * policy and trust configuration allow.
 */
export interface GuardConfig {
  /** Lowest trust level, 0 to 4. Default 0. */
  readonly minTrustLevel?: TrustLevel | undefined
  /** Lowest identity assurance level, 0 or 1. Default 0. */
  readonly minIal?: IdentityAssuranceLevel | undefined
  /** Deny callers without a verified badge, API keys included. Default false. */
  readonly requireBadge?: boolean | undefined
  /** Accept self-signed (level 0) badges, if the core's configuration does too. Default false. */
  readonly acceptLevelZero?: boolean | undefined
  /** Issuers to accept, narrowing the core's: HTTPS origins, `did:web:HOST`, did:key for level 0. Default: all of the core's. */
  readonly trustedIssuers?: readonly string[] | undefined
  /** Tool name patterns, one of which must match. Default: every tool. */
  readonly allowedTools?: readonly string[] | undefined
  /** Label of your own policy, for the record. Default none. */
  readonly policyVersion?: string | undefined
  /** Enforcement mode to ask for. Default: the core's. */
  readonly enforcementMode?: EnforcementMode | undefined
}

/** A checked copy in the form the core reads. */
export interface DecidedGuardConfig {
  readonly message: GuardConfigMessage
  readonly policyVersion: string
  readonly enforcementMode: EnforcementModeNumber
}

export const GUARD_CONFIG_NAMES = [
  'minTrustLevel',
  'minIal',
  'requireBadge',
  'acceptLevelZero',
  'trustedIssuers',
  'allowedTools',
  'policyVersion',
  'enforcementMode',
] as const satisfies readonly (keyof GuardConfig)[]

const MODE_NUMBERS: Readonly<Record<EnforcementMode, EnforcementModeNumber>> = {
  [EnforcementMode.OBSERVE]: EnforcementModeNumber.OBSERVE,
  [EnforcementMode.GUARD]: EnforcementModeNumber.GUARD,
  [EnforcementMode.DELEGATE]: EnforcementModeNumber.DELEGATE,
  [EnforcementMode.STRICT]: EnforcementModeNumber.STRICT,
}

/**
 * Checks and copies. Later changes to the given object or its lists change nothing.
 *
 * @throws TypeError naming the first option that is unknown or wrong.
 */
export function decideGuardConfig(given: Readonly<Record<string, unknown>>): DecidedGuardConfig {
  const mode = given.enforcementMode
  if (mode !== undefined && !(typeof mode === 'string' && Object.hasOwn(MODE_NUMBERS, mode))) {
    throw new TypeError(`enforcementMode must be one of ${Object.keys(MODE_NUMBERS).join(', ')}.`)
  }
  const message = create(GuardConfigSchema, {
    minTrustLevel: level(given, 'minTrustLevel', 4),
    minIal: level(given, 'minIal', 1),
    requireBadge: flag(given, 'requireBadge'),
    acceptLevelZero: flag(given, 'acceptLevelZero'),
    trustedIssuers: texts(given, 'trustedIssuers'),
    allowedTools: texts(given, 'allowedTools'),
  })
  // Every call of a guarded tool shares this message, also with a core in the same process.
  Object.freeze(message.trustedIssuers)
  Object.freeze(message.allowedTools)
  return Object.freeze({
    message: Object.freeze(message),
    policyVersion: given.policyVersion === undefined ? '' : text(given.policyVersion, 'policyVersion'),
    enforcementMode: mode === undefined ? EnforcementModeNumber.UNSPECIFIED : MODE_NUMBERS[mode as EnforcementMode],
  })
}

/**
 * Own members of an options object, read once, without the undefined ones.
 *
 * @throws TypeError for another type, or a name that is not in the list: a misspelt demand must not be ignored.
 */
export function readOptions(given: unknown, names: readonly string[], what: string): Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TypeError(`${what} must be an object.`)
  }
  const own: Record<string, unknown> = Object.create(null)
  for (const [name, value] of Object.entries(given)) {
    if (!names.includes(name)) {
      throw new TypeError(`${what} has an unknown member "${name}". Known are ${names.join(', ')}.`)
    }
    if (value !== undefined) own[name] = value
  }
  return own
}

function level(given: Readonly<Record<string, unknown>>, name: string, max: number): number {
  const value = given[name] ?? 0
  if (given[name] === null || !Number.isInteger(value) || Number(value) < 0 || Number(value) > max) {
    throw new TypeError(`${name} must be a whole number from 0 to ${max}.`)
  }
  return Number(value)
}

function flag(given: Readonly<Record<string, unknown>>, name: string): boolean {
  const value = given[name]
  if (value !== undefined && typeof value !== 'boolean') throw new TypeError(`${name} must be true or false.`)
  return value === true
}

function texts(given: Readonly<Record<string, unknown>>, name: string): string[] {
  const value = given[name]
  if (value === undefined) return []
  if (!Array.isArray(value)) throw new TypeError(`${name} must be a list of strings.`)
  // An empty list reads as "nothing is allowed" and would be sent as "no restriction".
  if (value.length === 0) throw new TypeError(`${name} is empty: leave it out for no restriction.`)
  return Array.from(value, (entry: unknown, index) => text(entry, `${name}[${index}]`))
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '' || !value.isWellFormed()) {
    throw new TypeError(`${name} must be a non-empty, well-formed string.`)
  }
  return value
}
