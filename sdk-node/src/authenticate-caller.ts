import { create } from '@bufbuild/protobuf'
import { timestampDate } from '@bufbuild/protobuf/wkt'
import type { AuthenticatedCaller } from '@capiscio/proto/core/v1'
import { AuthenticateCallerRequestSchema, AuthLevel } from '@capiscio/proto/core/v1'
import type { DeniedToolAccess } from '@capiscio/proto/sdk'
import { CoreFaultError, decodeDecision, MethodUnimplementedError, TrustLevel } from '@capiscio/proto/sdk'
import type { CallerCredential } from './caller-credential.ts'
import { resolveSecret } from './caller-credential.ts'
import type { CallOptions, CoreClient } from './client.ts'
import { SDK_VERSION } from './version.ts'

/** A caller whose badge the core found good a moment ago. */
export interface VerifiedCaller {
  /** Who calls. */
  readonly did: string
  readonly trustLevel: TrustLevel
  readonly ial: number
  readonly badgeJti: string
  /** HTTPS origin, or the did:key itself at level 0. */
  readonly issuer: string
  readonly expiresAt: Date
}

/** Who calls, or the denial that the core recorded. */
export type CallerAnswer = { readonly caller: VerifiedCaller } | { readonly refusal: DeniedToolAccess }

export interface CallerQuestion extends CallOptions {
  /** What the caller wants to reach: a path. */
  readonly endpoint: string
  readonly credential: CallerCredential | undefined
  /** Default 0. */
  readonly minTrustLevel?: TrustLevel | undefined
  readonly serverOrigin: string | undefined
  readonly client: CoreClient
}

/**
 * Asks the core whether a caller holds a good badge, before any tool is named.
 *
 * @throws CapiscioError when the core gave no answer. Let nobody in then.
 */
export async function authenticateCaller(question: CallerQuestion): Promise<CallerAnswer> {
  const { endpoint, credential, minTrustLevel = 0, serverOrigin = '', client, signal, timeoutMs } = question
  if (client.authenticateCaller === undefined) {
    throw new MethodUnimplementedError('This client cannot ask who calls. Use createCoreClient or an in-process core.')
  }
  const secret = credential && (await resolveSecret(credential))
  const { result } = await client.authenticateCaller(
    create(AuthenticateCallerRequestSchema, {
      endpoint,
      serverOrigin,
      sdk: `@capiscio/mcp/${SDK_VERSION}`,
      // Which self-signed badges count is the core's configuration; each tool has its own demands.
      config: { requireBadge: true, acceptLevelZero: true, minTrustLevel },
      ...(credential !== undefined && secret !== undefined
        ? { credential: { case: credential.kind === 'badge' ? 'badgeJws' : 'apiKey', value: secret } }
        : {}),
    }),
    { signal, timeoutMs },
  )
  if (result.case === 'caller') return { caller: verifiedCaller(result.value) }
  const asked = { toolName: endpoint, paramsHash: '' }
  // An answer that is neither is a refusal with a fault in it.
  const refusal = decodeDecision(result.value, asked, secret === undefined ? [] : [secret])
  if (refusal.outcome === 'ALLOW') throw new CoreFaultError('The core refused a caller with an ALLOW.')
  return { refusal }
}

/** @throws CoreFaultError for an answer that names nobody, or not all about a badge. */
function verifiedCaller(answer: AuthenticatedCaller): VerifiedCaller {
  const { principal: did, authLevel, badgeJti, issuer, ial = 0, expiresAt } = answer
  const trustLevel = Object.values(TrustLevel).find((level) => level === answer.trustLevel)
  if (authLevel !== AuthLevel.BADGE || did === '' || trustLevel === undefined || expiresAt === undefined) {
    throw new CoreFaultError('The core accepted a caller and did not say by which badge.')
  }
  return { did, trustLevel, ial, badgeJti, issuer, expiresAt: timestampDate(expiresAt) }
}
