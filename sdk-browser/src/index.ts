export type { BadgeSource, CredentialInput } from './caller-credential.ts'
export { CallerCredential } from './caller-credential.ts'
export type { CallOptions, CoreClient, EvaluateToolAccessOptions } from './client.ts'
export type { CoreClientOptions } from './core-client.ts'
export { createCoreClient } from './core-client.ts'
export type { IdentityAssuranceLevel } from './enums/decision.ts'
export { AuthLevel, DenyReason, EnforcementMode, Outcome, TrustLevel } from './enums/decision.ts'
export { ServerErrorCode, ServerState } from './enums/server-identity.ts'
export type { CapiscioErrorCode, FieldViolation } from './errors.ts'
export {
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
  InvalidRequestError,
  MethodUnimplementedError,
  RequestTooLargeError,
} from './errors.ts'
export type { GuardConfig } from './guard-config.ts'
export { computeParamsHash } from './params-hash.ts'
export type { DisclosedServerIdentity, HeaderSource, ServerIdentitySource } from './server-identity-source.ts'
export type { AllowedToolAccess, DeniedToolAccess, ToolAccess } from './tool-access.ts'
export type { Protocol } from './transport.ts'
export { CORE_MIN_VERSION, PROTO_VERSION, SDK_VERSION } from './version.ts'
