import type { MessageInitShape } from '@bufbuild/protobuf'
import { BadgeService, type VerifyBadgeResponseSchema, VerifyMode, type VerifyOptions } from '@capiscio/proto/v1'
import type { AudienceDemand } from '../../domain/badge/audience.ts'
import { BadgeRefused } from '../../domain/badge/badge-refused.ts'
import type { SignatureSources } from '../../domain/badge/badge-signature.ts'
import { createLenientStatus } from '../../domain/badge/lenient-status.ts'
import { parseBadge } from '../../domain/badge/parse-badge.ts'
import {
  type BadgeDemands,
  type VerificationRules,
  type VerificationSources,
  verifyBadge,
} from '../../domain/badge/verify-badge.ts'
import { DidRefused } from '../../domain/did/did-refused.ts'
import { type Ed25519PublicKey, isSameKey } from '../../domain/did/ed25519-public-key.ts'
import { parsePublicJwk } from '../../domain/did/public-jwk.ts'
import type { TrustedIssuers } from '../../domain/trust/trusted-issuers.ts'
import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import { implementService } from '../service-implementation.ts'
import { toOldBadgeClaims } from './old-badge-claims.ts'
import { requestBadge, requestPoPBadge } from './request-badge.ts'
import { type SignBadgeOptions, signBadge } from './sign-badge.ts'
import { type StartKeeperOptions, startKeeper } from './start-keeper.ts'

export interface BadgeServiceOptions extends SignBadgeOptions, StartKeeperOptions {
  readonly sources: VerificationSources
  readonly rules: VerificationRules
  /** Whom the core trusts and as whom badges must address it, now. */
  readonly trust: () => {
    readonly issuers: TrustedIssuers
    readonly audience: Pick<AudienceDemand, 'own' | 'required'>
  }
  /** Whether the deployment profile lets a caller skip checks. Profile `dev` only. */
  readonly permitsLeniency: boolean
  /** Whether the configuration accepts every self-signed badge to which the request agrees. */
  readonly acceptsLevelZero: boolean
  /** Whether the core may ask issuers over the network. */
  readonly isOnline: boolean
}

type Answer = MessageInitShape<typeof VerifyBadgeResponseSchema>

/** What one call makes of the core's own rules: never more lenient, except where the profile permits it. */
interface Call {
  readonly demands: BadgeDemands
  readonly sources: VerificationSources
  readonly rules: VerificationRules
  readonly warnings: string[]
}

/**
 * `capiscio.v1.BadgeService`. Every verification runs the
 * one procedure with the core's own trust; a caller can only tighten it. So `valid` always
 * means that this core would believe the badge. Badges are asked for at configured registries only.
 *
 * Not offered: domain validation orders.
 */
export function createBadgeService(options: BadgeServiceOptions) {
  const modeUsed = options.isOnline ? VerifyMode.ONLINE : VerifyMode.OFFLINE

  function ownCall(): Call {
    const { issuers, audience } = options.trust()
    const { sources, rules } = options
    return { demands: { issuers, audience: { ...audience, alsoOneOf: [] } }, sources, rules, warnings: [] }
  }

  async function verify(token: string, { demands, sources, rules, warnings }: Call): Promise<Answer> {
    try {
      const { badge } = await verifyBadge(token, demands, undefined, sources, rules)
      return {
        valid: true,
        claims: toOldBadgeClaims(badge),
        modeUsed,
        warnings: [...warnings, ...badge.standing.warnings],
      }
    } catch (refused) {
      if (!(refused instanceof BadgeRefused)) throw refused
      return { valid: false, modeUsed, warnings, errorCode: refused.code, errorMessage: refused.message }
    }
  }

  function refused(errorCode: string, errorMessage: string): Answer {
    return { valid: false, modeUsed, errorCode, errorMessage }
  }

  function callWith(wanted: VerifyOptions): Call {
    const { demands, sources, rules } = ownCall()
    const warnings: string[] = []
    const { permitsLeniency } = options
    const ignored = (name: string, because: string): void => void warnings.push(`${name} is ignored: ${because}`)
    const asked = {
      skipRevocation: wanted.skipRevocation,
      skipAgentStatus: wanted.skipAgentStatus,
      failOpen: wanted.failOpen,
    }
    if (!permitsLeniency) {
      if (wanted.skipRevocation) ignored('skip_revocation', 'only profile dev permits it')
      if (wanted.skipAgentStatus) ignored('skip_agent_status', 'only profile dev permits it')
      if (wanted.failOpen) ignored('fail_open', 'only profile dev permits it')
    }
    if (wanted.acceptSelfSigned && !options.acceptsLevelZero) {
      ignored('accept_self_signed', 'this core accepts the did:keys that its operator listed')
    }
    if (wanted.mode !== VerifyMode.UNSPECIFIED && wanted.mode !== modeUsed) {
      ignored('mode', "the core's profile decides whether it asks over the network")
    }
    if (wanted.registryUrl !== '') ignored('registry_url', 'registries are configured by the operator')
    if (wanted.staleThresholdSeconds !== 0n) ignored('stale_threshold_seconds', 'the limit of the core applies')
    const skewMs = Number(wanted.clockToleranceSeconds) * 1000
    if (skewMs > rules.clockSkewMs)
      ignored('clock_tolerance_seconds', `at most ${rules.clockSkewMs / 1000} are tolerated`)
    return {
      demands: {
        issuers: demands.issuers.narrow(wanted.trustedIssuers, wanted.acceptSelfSigned),
        audience: wanted.audience === '' ? demands.audience : namedAs(wanted.audience, demands.audience),
      },
      sources: permitsLeniency
        ? { ...sources, status: createLenientStatus(sources.status, asked, (message) => void warnings.push(message)) }
        : sources,
      // Zero is what an old client sends that wants nothing.
      rules: skewMs === 0 ? rules : { ...rules, clockSkewMs: Math.min(skewMs, rules.clockSkewMs) },
      warnings,
    }
  }

  return implementService(
    BadgeService,
    {
      requestBadge: (request) => requestBadge(request, options),
      requestPoPBadge: (request) => requestPoPBadge(request, options),

      async verifyBadge({ token, publicKeyJwk }) {
        const call = ownCall()
        if (publicKeyJwk === '') return verify(token, call)
        try {
          return await verify(token, {
            ...call,
            sources: { ...call.sources, ...onlyKey(parseKey(publicKeyJwk), call.sources) },
          })
        } catch (cause) {
          if (!(cause instanceof DidRefused)) throw cause
          return refused(cause.code, `public_key_jwk: ${cause.message}`)
        }
      },

      async verifyBadgeWithOptions({ token, options: wanted }) {
        if (wanted === undefined) return verify(token, ownCall())
        if (wanted.clockToleranceSeconds < 0n || wanted.staleThresholdSeconds < 0n) {
          return refused('OPTIONS_INVALID', 'A number of seconds is not negative; 0 leaves it to the core')
        }
        return verify(token, callWith(wanted))
      },

      async parseBadge({ token }) {
        try {
          return { claims: toOldBadgeClaims(parseBadge(token, options.rules)) }
        } catch (cause) {
          if (!(cause instanceof BadgeRefused)) throw cause
          return { errorMessage: `${cause.code}: ${cause.message}` }
        }
      },

      async signBadge(request) {
        const { token, badge } = signBadge(request, options)
        return { token, claims: toOldBadgeClaims(badge) }
      },
    },
    {},
    { startKeeper: (request, context) => startKeeper(request, context, options) },
  )
}

/** Checks under which no other key has ever signed anything: what the caller's key demands besides. */
function onlyKey(key: Ed25519PublicKey, { ed25519 }: SignatureSources): Pick<SignatureSources, 'ed25519' | 'es256'> {
  return {
    ed25519: {
      verify: (publicKey, message, signature) =>
        isSameKey(key, publicKey as Ed25519PublicKey) && ed25519.verify(publicKey, message, signature),
    },
    es256: { verify: () => false },
  }
}

/**
 * The audience that a caller asks for. Where the core has names of its own, a badge must
 * name the core too: as somebody else the core accepts nothing.
 */
function namedAs(audience: string, demand: AudienceDemand): AudienceDemand {
  if (demand.own.length === 0 || demand.own.includes(audience)) return { ...demand, own: [audience] }
  return { ...demand, alsoOneOf: [[audience]] }
}

function parseKey(jwk: string): Ed25519PublicKey {
  let members: unknown
  try {
    members = parseStrictJsonObject(jwk)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
  }
  return parsePublicJwk(members)
}
