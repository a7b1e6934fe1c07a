export type {
  AllowedToolAccess,
  CapiscioErrorCode,
  DeniedToolAccess,
  FieldViolation,
  GuardConfig,
  IdentityAssuranceLevel,
  ToolAccess,
} from '@capiscio/proto/sdk'
export {
  AuthLevel,
  CallAbortedError,
  CapiscioError,
  CoreAccessError,
  CoreAddressError,
  CoreConnectionError,
  CoreFaultError,
  CoreTimeoutError,
  CoreUnavailableError,
  CoreVersionError,
  CredentialError,
  DenyReason,
  EnforcementMode,
  InvalidRequestError,
  MethodUnimplementedError,
  Outcome,
  RequestTooLargeError,
  ServerErrorCode,
  ServerState,
  TrustLevel,
} from '@capiscio/proto/sdk'
export type { BadgeSource, CredentialInput } from './caller-credential.ts'
export { CallerCredential } from './caller-credential.ts'
export type { CallOptions, CoreClient, EvaluateToolAccessOptions } from './client.ts'
export type { CoreClientOptions } from './core-client.ts'
export { createCoreClient } from './core-client.ts'
export { computeParamsHash } from './params-hash.ts'
export type { DisclosedServerIdentity, HeaderSource, ServerIdentitySource } from './server-identity-source.ts'
export type { Protocol } from './transport.ts'
export { CORE_MIN_VERSION, PROTO_VERSION, SDK_VERSION } from './version.ts'
