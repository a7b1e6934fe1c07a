import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import type { GetServerInfoResponseSchema } from '@capiscio/proto/core/v1'
import type { IssuerKeyOrigin } from './adapters/trust/configured-issuer-keys.ts'
import type { Config } from './config/config.ts'
import type { EvidenceLog } from './domain/evidence/evidence-log.ts'
import type { GuardRules } from './domain/guard/tool-guard.ts'
import { parseJwks } from './domain/trust/jwks.ts'
import { TrustRefused } from './domain/trust/trust-refused.ts'
import type { IssuerKeySource } from './ports/issuer-keys.ts'
import { SourceUnavailable } from './ports/source-unavailable.ts'
import { EVALUATE_LIMITS } from './service/evaluate-limits.ts'
import { CORE_VERSION, PROTO_VERSION } from './version.ts'

export interface ServerInfoOptions {
  readonly config: Config
  readonly rules: () => GuardRules
  readonly keyOrigins: ReadonlyMap<string, IssuerKeyOrigin>
  readonly issuerKeys: IssuerKeySource
  readonly log: EvidenceLog
  readonly notReadyReasons: () => string[]
  readonly startedAtMs: number
  readonly implementedMethods: () => string[]
}

export type ServerInfo = MessageInitShape<typeof GetServerInfoResponseSchema>

/** What a core says about itself. Nothing in it is secret. */
export async function describeServer(options: ServerInfoOptions): Promise<ServerInfo> {
  const { config, log, keyOrigins, issuerKeys } = options
  const reasons = options.notReadyReasons()
  return {
    coreVersion: CORE_VERSION,
    protoVersion: PROTO_VERSION,
    profile: config.profile,
    ready: reasons.length === 0,
    notReadyReasons: reasons,
    trustedIssuers: await Promise.all(
      [...keyOrigins].map(async ([issuer, { kind }]) => ({
        issuer,
        keySource: kind,
        keys: await countKeys(issuerKeys, issuer, config.trust.allowEs256),
      })),
    ),
    acceptsLevelZero: config.trust.acceptLevelZero || config.trust.levelZeroKeys.length > 0,
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

/** Usable keys now; 0 when the set cannot be had or read. */
async function countKeys(source: IssuerKeySource, issuer: string, allowEs256: boolean): Promise<number> {
  try {
    return parseJwks((await source.keySet(issuer)).jwks, { allowEs256 }).length
  } catch (error) {
    if (error instanceof SourceUnavailable || error instanceof TrustRefused) return 0
    throw error
  }
}
