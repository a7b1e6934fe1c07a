import { create, isFieldSet } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import type { VerifyServerConfig as ConfigMessage, VerifyServerRequest, VerifyServerResponse } from '../core-v1.ts'
import {
  ServerError as ServerErrorNumber,
  ServerState as ServerStateNumber,
  ServerTransport,
  VerifyServerConfigSchema,
  VerifyServerRequestSchema,
  VerifyServerResponseSchema,
} from '../core-v1.ts'
import { TrustLevel } from './enums/decision.ts'
import { ServerErrorCode, ServerState } from './enums/server-identity.ts'
import { CapiscioError, CoreFaultError } from './errors.ts'
import { readOptions } from './guard-config.ts'
import type { PopExchange } from './proof-of-possession.ts'
import { redactSecrets } from './redact.ts'

/** What a client demands of a server. It can only narrow what the core trusts. */
export interface VerifyConfig {
  /** Issuers to accept, narrowing the core's. Default: all of the core's. */
  readonly trustedIssuers?: readonly string[] | undefined
  /** Lowest trust level, 0 to 4. Default 0. */
  readonly minTrustLevel?: TrustLevel | undefined
  /** Accept servers with a self-signed (level 0) badge, if the core does too. Default false. */
  readonly acceptLevelZero?: boolean | undefined
  /** Use only what the core has pinned and cached. Default false. */
  readonly offlineMode?: boolean | undefined
  /** Do not compare the DID with the origin: for a trusted gateway. Default false. */
  readonly skipOriginBinding?: boolean | undefined
  /** Without a valid proof of possession the server is only declared. Default false. */
  readonly requirePop?: boolean | undefined
  /** Oldest acceptable proof, milliseconds, at most 600 000. Default 30 000. */
  readonly popMaxAgeMs?: number | undefined
}

/** What a client saw of one server over one connection. */
export interface ServerToVerify {
  /** The DID that the server disclosed; undefined when it disclosed none. */
  readonly serverDid?: string | undefined
  /** The badge that it disclosed. */
  readonly serverBadge?: string | undefined
  /** URL origin that was contacted, such as `https://mcp.example.com`. Leave it out for a child process. */
  readonly transportOrigin?: string | undefined
  /** Path that was contacted, such as `/mcp/files`. Default: that of the origin. */
  readonly endpointPath?: string | undefined
  /** The proof-of-possession exchange, when there was one. */
  readonly proof?: PopExchange | undefined
}

/** What is known about a server. Frozen. */
export interface ServerVerification {
  /** VERIFIED_PRINCIPAL, DECLARED_PRINCIPAL (a DID, not verified) or UNVERIFIED_ORIGIN (no DID). */
  readonly state: ServerState
  /** Whether state is VERIFIED_PRINCIPAL. */
  readonly isVerified: boolean
  /** Whether the server disclosed a DID. */
  readonly hasIdentity: boolean
  /** First check that failed; undefined exactly when verified. */
  readonly errorCode: ServerErrorCode | undefined
  /** One English sentence for people. */
  readonly detail: string
  /** The DID that was asked about; undefined when there was none. */
  readonly serverDid: string | undefined
  /** `jti` of the badge, where it could be read. */
  readonly badgeJti: string | undefined
  /** Level of the badge; undefined unless verified. Level 0 is a self-signed identity. */
  readonly trustLevel: TrustLevel | undefined
  /** Whether the server proved that it holds its key. */
  readonly popVerified: boolean
}

/** A server that must be verified and is not. */
export class ServerVerifyError extends CapiscioError {
  override readonly name = 'ServerVerifyError'
  /** The check that failed, such as `SERVER_DID_MISMATCH`. */
  readonly code: ServerErrorCode
  readonly state: ServerState
  readonly serverDid: string | undefined
  /** The core's sentence for people. */
  readonly detail: string
  /** Everything that is known about the server. */
  readonly verification: ServerVerification

  constructor(verification: ServerVerification) {
    const { errorCode = ServerErrorCode.IDENTITY_MISSING, detail, serverDid } = verification
    super(
      `The server${serverDid === undefined ? '' : ` ${JSON.stringify(serverDid)}`} is not verified: ${errorCode}. ${detail}`,
    )
    this.code = errorCode
    this.state = verification.state
    this.serverDid = serverDid
    this.detail = detail
    this.verification = verification
  }
}

const SERVER_NAMES = ['serverDid', 'serverBadge', 'transportOrigin', 'endpointPath', 'proof'] as const
export const VERIFY_CONFIG_NAMES = [
  'trustedIssuers',
  'minTrustLevel',
  'acceptLevelZero',
  'offlineMode',
  'skipOriginBinding',
  'requirePop',
  'popMaxAgeMs',
] as const satisfies readonly (keyof VerifyConfig)[]

/**
 * Checks, copies and puts into the form that the core reads.
 *
 * @throws TypeError naming the first member that is unknown or wrong.
 */
export function toVerifyServerRequest(server: ServerToVerify, config: VerifyConfig = {}): VerifyServerRequest {
  const given = readOptions(server, SERVER_NAMES, 'The server to verify')
  const proof = given.proof as PopExchange | undefined
  const transportOrigin = text(given, 'transportOrigin')
  return create(VerifyServerRequestSchema, {
    identity: { serverDid: text(given, 'serverDid'), serverBadge: text(given, 'serverBadge') },
    transport: transportOrigin === '' ? ServerTransport.STDIO : ServerTransport.HTTP,
    transportOrigin,
    endpointPath: text(given, 'endpointPath'),
    config: decideVerifyConfig(config),
    ...(proof !== undefined && {
      proof: {
        nonce: proof.nonce,
        createdAt: BigInt(Math.floor(proof.createdAtMs / 1000)),
        signature: proof.signature,
        boundSignature: proof.boundSignature,
        method: proof.method,
        ...(proof.signedAt !== undefined && { signedAt: BigInt(proof.signedAt) }),
      },
    }),
  })
}

/** @throws TypeError naming the first option that is unknown or wrong. */
export function decideVerifyConfig(config: VerifyConfig): ConfigMessage {
  const given = readOptions(config, VERIFY_CONFIG_NAMES, 'The configuration of a server verification')
  const { minTrustLevel = 0, trustedIssuers = [], popMaxAgeMs } = given
  if (!Number.isInteger(minTrustLevel) || Number(minTrustLevel) < 0 || Number(minTrustLevel) > 4) {
    throw new TypeError('minTrustLevel must be a whole number from 0 to 4.')
  }
  if (
    !Array.isArray(trustedIssuers) ||
    !trustedIssuers.every((issuer) => typeof issuer === 'string' && issuer !== '')
  ) {
    throw new TypeError('trustedIssuers must be a list of non-empty strings.')
  }
  // An empty list reads as "trust nobody" and would be sent as "no restriction".
  if (given.trustedIssuers !== undefined && trustedIssuers.length === 0) {
    throw new TypeError('trustedIssuers is empty: leave it out for no restriction.')
  }
  if (popMaxAgeMs !== undefined && !(Number.isInteger(popMaxAgeMs) && Number(popMaxAgeMs) > 0)) {
    throw new TypeError('popMaxAgeMs must be a whole number of milliseconds, at least 1.')
  }
  return create(VerifyServerConfigSchema, {
    trustedIssuers: [...trustedIssuers],
    minTrustLevel: Number(minTrustLevel),
    acceptLevelZero: flag(given, 'acceptLevelZero'),
    offlineMode: flag(given, 'offlineMode'),
    skipOriginBinding: flag(given, 'skipOriginBinding'),
    requirePop: flag(given, 'requirePop'),
    ...(popMaxAgeMs !== undefined && { popMaxAge: durationFromMs(Number(popMaxAgeMs)) }),
  })
}

const ERROR_CODES: ReadonlyMap<number, ServerErrorCode> = new Map(
  Object.entries(ServerErrorCode).map(([name, code]) => [
    ServerErrorNumber[name as keyof typeof ServerErrorCode],
    code,
  ]),
)

/**
 * Turns the core's answer into a verification. Doubt means not verified: only a complete
 * VERIFIED_PRINCIPAL for the DID that was asked about counts as one.
 *
 * @throws CoreFaultError for an answer that no correct core gives.
 */
export function decodeServerVerification(
  response: VerifyServerResponse,
  request: VerifyServerRequest,
): ServerVerification {
  const asked = request.identity?.serverDid ?? ''
  const secrets = [request.identity?.serverBadge ?? '']
  const isVerified = response.state === ServerStateNumber.VERIFIED_PRINCIPAL
  const errorCode = ERROR_CODES.get(response.error)
  const trustLevel = isFieldSet(response, VerifyServerResponseSchema.field.trustLevel)
    ? Object.values(TrustLevel).find((level) => level === response.trustLevel)
    : undefined
  if (
    isVerified &&
    (response.error !== ServerErrorNumber.UNSPECIFIED || trustLevel === undefined || response.serverDid !== asked)
  ) {
    throw new CoreFaultError(
      'The core called a server verified and contradicted itself, so the server is not. Compare the versions of core and SDK.',
    )
  }
  const state =
    response.state === ServerStateNumber.UNVERIFIED_ORIGIN
      ? ServerState.UNVERIFIED_ORIGIN
      : ServerState.DECLARED_PRINCIPAL
  return Object.freeze({
    state: isVerified ? ServerState.VERIFIED_PRINCIPAL : state,
    isVerified,
    hasIdentity: asked !== '',
    // A newer core may have errors that this SDK cannot name.
    errorCode: isVerified ? undefined : (errorCode ?? ServerErrorCode.BADGE_INVALID),
    detail: redactSecrets(response.message, secrets),
    serverDid: asked === '' ? undefined : asked,
    badgeJti: response.badgeJti || undefined,
    trustLevel: isVerified ? trustLevel : undefined,
    popVerified: isVerified && response.popVerified,
  })
}

function text(given: Readonly<Record<string, unknown>>, name: (typeof SERVER_NAMES)[number]): string {
  // `null` where an origin belongs would be compared with nothing.
  const value = given[name] === undefined ? '' : given[name]
  if (typeof value !== 'string' || !value.isWellFormed()) throw new TypeError(`${name} must be a well-formed string.`)
  return value
}

function flag(given: Readonly<Record<string, unknown>>, name: (typeof VERIFY_CONFIG_NAMES)[number]): boolean {
  const value = given[name]
  if (value !== undefined && typeof value !== 'boolean') throw new TypeError(`${name} must be true or false.`)
  return value === true
}
