import { z } from 'zod'
import { checkApiKeyHash, checkApiKeyName } from '../domain/guard/api-keys.ts'
import { YamlRefused } from '../lib/strict-yaml.ts'
import { parseYamlShape, strictObject } from '../lib/yaml-shape.ts'
import { ENFORCEMENT_MODES } from './config.ts'
import type { ConfigOrigin } from './config-origin.ts'
import { ConfigRefused } from './config-refused.ts'
import type { Candidate } from './decisions.ts'

/** Largest configuration file, in bytes. */
export const MAX_CONFIG_BYTES = 1024 * 1024

const TEXT = z.string('Write a text').min(1, 'Write a text, or leave the field out')
const SWITCH = z.boolean('Write true or false')

function wholeNumber(min: number, max: number) {
  const reason = `Write a whole number from ${min} to ${max}`
  return z.int(reason).min(min, reason).max(max, reason)
}

/** What is wrong with a text, by a check that returns the sentence. */
function checked(check: (text: string) => string | undefined) {
  return TEXT.superRefine((text, context) => {
    const message = check(text)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })
}

const ISSUER = strictObject({
  issuer: TEXT,
  jwksFile: TEXT.optional(),
  jwksUrl: TEXT.optional(),
  keys: strictObject({
    keys: z
      .array(z.record(z.string(), z.unknown(), 'Write a JWK'), 'Write a list of JWKs')
      .min(1, 'List at least one key')
      .max(64, 'List at most 64 keys'),
  }).optional(),
  apiUrl: TEXT.optional(),
  didNamespaceUrl: TEXT.optional(),
  snapshotFile: TEXT.optional(),
})

const REVOCATION = strictObject({
  mode: TEXT.optional(),
  syncIntervalSeconds: wholeNumber(1, 3600).optional(),
  statusMaxAgeSeconds: wholeNumber(0, 300).optional(),
  maxStalenessSeconds: wholeNumber(1, 31_622_400).optional(),
  staleAtLevelOne: TEXT.optional(),
  failOpen: SWITCH.optional(),
})

const API_KEYS = z
  .array(strictObject({ name: checked(checkApiKeyName), hash: checked(checkApiKeyHash) }), 'Write a list of API keys')
  .superRefine((entries, context) => {
    // A record names one caller: neither may two keys share a name, nor two names a key.
    for (const field of ['name', 'hash'] as const) {
      const seen = new Set<string>()
      for (const [index, entry] of entries.entries()) {
        if (seen.has(entry[field])) {
          context.addIssue({ code: 'custom', path: [index, field], message: `The ${field} is given twice: keep one` })
        }
        seen.add(entry[field])
      }
    }
  })

/** The file as written: values of the right kind, not yet decided. Every field may be left out. */
const CONFIG_FILE = strictObject({
  profile: TEXT.optional(),
  listen: strictObject({
    tcp: TEXT.optional(),
    socket: TEXT.optional(),
    http: TEXT.optional(),
    tls: strictObject({
      certFile: TEXT.optional(),
      keyFile: TEXT.optional(),
      clientCaFile: TEXT.optional(),
      clientCertificates: TEXT.optional(),
      minVersion: TEXT.optional(),
    }).optional(),
    tokenFile: TEXT.optional(),
  }).optional(),
  web: strictObject({
    allowedOrigins: z.array(TEXT, 'Write a list of origins').max(64, 'List at most 64 origins').optional(),
  }).optional(),
  stateDir: TEXT.optional(),
  evidence: strictObject({
    root: TEXT.optional(),
    directory: TEXT.optional(),
    mode: TEXT.optional(),
    retentionDays: wholeNumber(0, 36_500).optional(),
    startEmpty: SWITCH.optional(),
    verifyAtStart: SWITCH.optional(),
    anchorFiles: z.array(TEXT, 'Write a list of files').max(16, 'List at most 16 files').optional(),
    anchorTo: TEXT.optional(),
  }).optional(),
  trust: strictObject({
    issuers: z.array(ISSUER, 'Write a list of issuers').max(256, 'List at most 256 issuers').optional(),
    acceptLevelZero: SWITCH.optional(),
    requireKey: SWITCH.optional(),
    allowMissingTyp: SWITCH.optional(),
    allowEs256: SWITCH.optional(),
    levelZeroKeys: z.array(TEXT, 'Write a list of did:keys').max(1024, 'List at most 1024 keys').optional(),
    audience: z.array(TEXT, 'Write a list of audiences').max(64, 'List at most 64 audiences').optional(),
    requireAudience: SWITCH.optional(),
    clockSkewSeconds: wholeNumber(0, 300).optional(),
    revocation: REVOCATION.optional(),
    localRevocations: TEXT.optional(),
    jwksMaxStaleSeconds: wholeNumber(600, 604_800).optional(),
    storePath: TEXT.optional(),
  }).optional(),
  outbound: strictObject({ caFile: TEXT.optional() }).optional(),
  policyFile: TEXT.optional(),
  apiKeys: API_KEYS.optional(),
  enforcementMode: z.enum(ENFORCEMENT_MODES, `Write one of ${ENFORCEMENT_MODES.join(', ')}`).optional(),
  limits: strictObject({
    maxMessageBytes: wholeNumber(16 * 1024, 64 * 1024 * 1024).optional(),
    maxWaitingDecisions: wholeNumber(1, 65_536).optional(),
    maxConcurrentStreams: wholeNumber(1, 65_536).optional(),
    maxConnections: wholeNumber(1, 65_536).optional(),
    badgeCacheEntries: wholeNumber(1, 1_000_000).optional(),
    badgeCacheBytes: wholeNumber(64 * 1024, 1024 * 1024 * 1024).optional(),
  }).optional(),
  shutdownGraceMs: wholeNumber(100, 600_000).optional(),
  logLevel: TEXT.optional(),
  logFile: TEXT.optional(),
})

export type WrittenConfig = z.infer<typeof CONFIG_FILE>

export type WrittenIssuer = z.infer<typeof ISSUER>

/** A configuration file that has the right shape. */
export interface ConfigFile {
  readonly written: WrittenConfig
  /** A value of the file as a candidate, with its place; nothing when it was left out. */
  candidate<T>(path: readonly PropertyKey[], raw: T | undefined): Candidate<T> | undefined
  originOf(path: readonly PropertyKey[]): ConfigOrigin
}

/**
 * Reads a configuration file: strict YAML, every field known.
 *
 * @param file its absolute path, for messages and relative paths
 * @throws {ConfigRefused} FILE_INVALID with every mistake
 */
export function parseConfigFile(text: string, file: string): ConfigFile {
  try {
    const { value, yaml } = parseYamlShape(text, CONFIG_FILE)
    const originOf = (path: readonly PropertyKey[]): ConfigOrigin => ({ kind: 'file', file, ...yaml.locate(path) })
    return {
      written: value,
      originOf,
      candidate: (path, raw) => (raw === undefined ? undefined : { raw, origin: originOf(path) }),
    }
  } catch (refused) {
    if (!(refused instanceof YamlRefused)) throw refused
    const problems = refused.problems.map(({ line, column, reason }) => ({
      code: 'FILE_INVALID' as const,
      source: `${file}:${line}:${column}`,
      reason,
    }))
    throw new ConfigRefused(problems, { cause: refused })
  }
}
