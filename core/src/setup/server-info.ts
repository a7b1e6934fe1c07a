import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import type { GetServerInfoResponseSchema } from '@capiscio/proto/core/v1'
import type { Config } from '../config/config.ts'
import type { EvidenceLog } from '../domain/evidence/evidence-log.ts'
import type { GuardRules } from '../domain/guard/tool-guard.ts'
import type { Revocations } from '../domain/revocation/revocations.ts'
import { parseJwks } from '../domain/trust/jwks.ts'
import { TrustRefused } from '../domain/trust/trust-refused.ts'
import type { TrustedKeys } from '../domain/trust/trust-store.ts'
import { SourceUnavailable } from '../ports/source-unavailable.ts'
import { EVALUATE_LIMITS } from '../service/evaluate-limits.ts'
import { CORE_VERSION, PROTO_VERSION } from '../version.ts'
import type { OpenedIssuerKeys } from './trust/open-issuer-keys.ts'

export interface ServerInfoOptions {
  readonly config: Config
  readonly rules: () => GuardRules
  readonly issuerKeys: OpenedIssuerKeys
  readonly revocations: Revocations
  readonly pinned: () => TrustedKeys
  readonly log: EvidenceLog
  readonly notReadyReasons: () => string[]
  readonly startedAtMs: number
  readonly implementedMethods: () => string[]
}

export type ServerInfo = MessageInitShape<typeof GetServerInfoResponseSchema>

/** What a core says about itself. Nothing in it is secret. */
export async function describeServer(options: ServerInfoOptions): Promise<ServerInfo> {
  const { config, log, issuerKeys } = options
  const reasons = options.notReadyReasons()
  const pinned = options.pinned()
  return {
    coreVersion: CORE_VERSION,
    protoVersion: PROTO_VERSION,
    profile: config.profile,
    ready: reasons.length === 0,
    notReadyReasons: reasons,
    trustedIssuers: await Promise.all(
      [...issuerKeys.origins].map(async ([issuer, { kind }]) => ({
        ...(await describeIssuer(issuerKeys, issuer, kind, config.trust.allowEs256)),
        revocation: describeRevocation(options, issuer),
      })),
    ).then((configured) => [...configured, ...describePinned(pinned, issuerKeys)]),
    acceptsLevelZero:
      config.trust.acceptLevelZero || config.trust.levelZeroKeys.length > 0 || pinned.agentKeys.length > 0,
    policyVersion: options.rules().policy.version,
    evidenceLog: { origin: log.origin, vkey: log.vkey, size: BigInt(log.size), writable: log.state() === 'open' },
    limits: {
      maxMessageBytes: config.limits.maxMessageBytes,
      maxWaitingDecisions: config.limits.maxWaitingDecisions,
      maxToolNameBytes: EVALUATE_LIMITS.toolNameBytes,
      maxBadgeBytes: EVALUATE_LIMITS.badgeBytes,
    },
    startedAt: timestampFromMs(options.startedAtMs),
    implementedMethods: options.implementedMethods(),
  }
}

/** Issuers that are trusted by their pinned keys alone. */
function describePinned({ issuerKeys: pins }: TrustedKeys, { origins }: OpenedIssuerKeys) {
  const issuers = new Set(pins.map(({ issuer }) => issuer))
  return [...issuers]
    .filter((issuer) => !origins.has(issuer))
    .map((issuer) => ({ issuer, keySource: 'store', keys: pins.filter((pin) => pin.issuer === issuer).length }))
}

/** Fetched keys are described as they are: nobody waits for a fetch to learn what a core is like. */
async function describeIssuer(issuerKeys: OpenedIssuerKeys, issuer: string, keySource: string, allowEs256: boolean) {
  const state = issuerKeys.state(issuer)
  if (state === undefined) return { issuer, keySource, keys: await countKeys(issuerKeys, issuer, allowEs256) }
  const { keys, fetchedAtMs, lastError = '', stale } = state
  return {
    issuer,
    keySource,
    keys,
    ...(fetchedAtMs !== undefined && { keysFetchedAt: timestampFromMs(fetchedAtMs) }),
    keysError: lastError,
    keysStale: stale,
  }
}

function describeRevocation({ config, revocations }: ServerInfoOptions, issuer: string) {
  const known = revocations.issuers.get(issuer)
  if (known === undefined) return { mode: 'fixture' }
  const { mode, list } = known
  const { syncedAtMs } = list
  const ageMs = list.ageMs() ?? Number.POSITIVE_INFINITY
  return {
    mode,
    entries: BigInt(list.set.size),
    stale: mode !== 'online' && ageMs > config.trust.revocation.maxStalenessSeconds * 1000,
    ...(syncedAtMs !== undefined && { syncedAt: timestampFromMs(syncedAtMs) }),
  }
}

/** Usable keys now; 0 when the set cannot be had or read. */
async function countKeys(source: OpenedIssuerKeys, issuer: string, allowEs256: boolean): Promise<number> {
  try {
    return parseJwks((await source.keySet(issuer)).jwks, { allowEs256 }).length
  } catch (error) {
    if (error instanceof SourceUnavailable || error instanceof TrustRefused) return 0
    throw error
  }
}
