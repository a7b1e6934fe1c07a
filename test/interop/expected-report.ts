import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { CASES_FILE } from './interop-world.ts'

/** One question of `cases.json` and the answer that every client must get. */
export interface InteropCase {
  readonly name: string
  readonly tool: string
  readonly badge?: string
  readonly apiKey?: string
  readonly config?: {
    readonly minTrustLevel?: number
    readonly requireBadge?: boolean
    readonly acceptLevelZero?: boolean
    readonly trustedIssuers?: readonly string[]
    readonly allowedTools?: readonly string[]
  }
  readonly expect: {
    readonly outcome: number
    readonly reason: number
    readonly oldReason: number
    readonly code: string
    readonly authLevel: number
    readonly trustLevel: number | null
    readonly principal: string
  }
}

export const CASES = JSON.parse(readFileSync(CASES_FILE, 'utf8')) as readonly InteropCase[]

/** `cases` of a report: both packages answer the same question the same way, each in its own words. */
export function expectedCases(agentDidKey: string) {
  return Object.fromEntries(
    CASES.map(({ name, expect: { reason, oldReason, trustLevel, principal, ...same } }) => {
      const caller = principal === 'AGENT_DID_KEY' ? agentDidKey : principal
      const shared = { ...same, principal: caller, recorded: true }
      return [
        name,
        {
          core: { ...shared, reason, trustLevel },
          // The old contract cannot tell level 0 from no level.
          old: { ...shared, reason: oldReason, trustLevel: trustLevel ?? 0 },
        },
      ]
    }),
  )
}

/** gRPC status numbers. */
const INVALID_ARGUMENT = 3
const RESOURCE_EXHAUSTED = 8
const UNIMPLEMENTED = 12
const NOT_FOUND = 5

export const EXPECTED_REFUSALS = {
  noTool: { status: INVALID_ARGUMENT, fields: ['tool_name'] },
  noToolOld: { status: INVALID_ARGUMENT, fields: ['tool_name'] },
  negativeLevel: { status: INVALID_ARGUMENT, fields: ['config.min_trust_level'] },
  tooLarge: { status: RESOURCE_EXHAUSTED, fields: [] },
  notOffered: { status: UNIMPLEMENTED, fields: [] },
  notServed: { status: UNIMPLEMENTED, fields: [] },
}

export const EXPECTED_OLD_HEALTH = {
  healthy: true,
  coreVersion: '2.7.2',
  protoVersion: '1.0',
  compatible: {
    '': false,
    '0.0.9': false,
    '0.1.0': true,
    '1.9.0': false,
    '2.3.9': false,
    '2.4.0': true,
    '2.7.2': true,
    '2.99.0': true,
    '3.0.0': false,
    'v2.7.0': false,
    '2.7.2rc1': true,
  },
}

const DID = 'did:web:mcp.example.com'

export const EXPECTED_IDENTITIES = {
  headers: [DID, 'a.b.c'],
  meta: [DID, ''],
  nothing: ['', ''],
  broken: INVALID_ARGUMENT,
  oldHeaders: [true, DID, 'a.b.c'],
  oldMeta: [true, DID, ''],
  oldNothing: [false, '', ''],
  oldBroken: [false, '', ''],
}

export const EXPECTED_SERVER_INFO = {
  profile: 'dev',
  ready: true,
  protoVersion: '1.0',
  maxMessageBytes: 4 * 1024 * 1024,
  writable: true,
  offersEvaluate: true,
}

const SERVING = 1
const SERVICE_UNKNOWN = 3

export const EXPECTED_GRPC_HEALTH = {
  process: SERVING,
  coreService: SERVING,
  mcpService: SERVING,
  unknown: NOT_FOUND,
  listed: SERVING,
  watched: SERVING,
  watchedUnknown: SERVICE_UNKNOWN,
}

/** The least that reflection must list; what the core offers beside it may grow. */
export const REFLECTED_SERVICES = [
  'capiscio.core.v1.AdminService',
  'capiscio.core.v1.CoreService',
  'capiscio.core.v1.EvidenceService',
  'capiscio.v1.BadgeService',
  'capiscio.v1.DIDService',
  'capiscio.v1.MCPService',
  'capiscio.v1.RevocationService',
  'capiscio.v1.SimpleGuardService',
  'capiscio.v1.TrustStoreService',
  'grpc.health.v1.Health',
]

export interface ReportedKeyPair {
  readonly keyId: string
  /** base64 */
  readonly publicKey: string
  /** base64 */
  readonly privateKey: string
  readonly publicKeyPem: string
  readonly privateKeyPem: string
  readonly didKey: string
  readonly algorithm: number
  readonly errorMessage: string
}

/** All forms of a generated pair are the same key, and its seed is the private half. */
export function expectOneKey(pair: ReportedKeyPair): void {
  const seed = Buffer.from(pair.privateKey, 'base64')
  const publicKey = Buffer.from(pair.publicKey, 'base64')
  expect([seed.length, publicKey.length, pair.algorithm, pair.errorMessage]).toEqual([32, 32, 1, ''])
  const privatePem = createPrivateKey(pair.privateKeyPem)
  const jwk = (key: KeyObject) => key.export({ format: 'jwk' })
  expect(jwk(privatePem).d).toBe(seed.toString('base64url'))
  expect(jwk(createPublicKey(privatePem)).x).toBe(publicKey.toString('base64url'))
  expect(jwk(createPublicKey(pair.publicKeyPem)).x).toBe(publicKey.toString('base64url'))
  expect(pair.didKey).toBe(`did:key:z${base58(Buffer.concat([Buffer.of(0xed, 0x01), publicKey]))}`)
}

/** base58btc of bytes that do not begin with a zero. */
function base58(bytes: Uint8Array): string {
  const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  let digits = ''
  for (let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`); rest > 0n; rest /= 58n) {
    digits = alphabet.charAt(Number(rest % 58n)) + digits
  }
  return digits
}

export interface Reflected {
  readonly services: readonly string[]
  readonly messages: readonly string[]
  /** Messages that are not what the client's stubs were generated from. */
  readonly differing: readonly string[]
}

export interface InteropReport {
  readonly cases: unknown
  readonly refusals: unknown
  readonly health: unknown
  readonly identities: unknown
  readonly keys: Readonly<Record<'unnamed' | 'named' | 'otherAlgorithm', ReportedKeyPair>>
  readonly serverInfo: unknown
  readonly grpcHealth: unknown
  readonly reflection: Reflected
}
