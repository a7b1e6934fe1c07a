export type {
  AllowedToolAccess,
  CapiscioErrorCode,
  DeniedToolAccess,
  DisclosedServerIdentity,
  FieldViolation,
  GuardConfig,
  HeaderSource,
  IdentityAssuranceLevel,
  PopErrorCode,
  PopExchange,
  PopMethod,
  PopRequest,
  PopResponse,
  ProvenRecord,
  ServerToVerify,
  ServerVerification,
  SignedCheckpoint,
  ToolAccess,
  VerifyConfig,
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
  DisclosureError,
  EnforcementMode,
  EvidenceError,
  generatePopRequest,
  InvalidRequestError,
  MethodUnimplementedError,
  Outcome,
  PopError,
  parseHttpHeaders,
  parseJsonRpcMeta,
  popRequestToMeta,
  popResponseFromMeta,
  RequestTooLargeError,
  ServerErrorCode,
  ServerState,
  ServerVerifyError,
  TrustLevel,
  verifyCheckpoint,
  verifyConsistency,
  verifyReceipt,
} from '@capiscio/proto/sdk'
export type { BadgeSource, CredentialInput } from './caller-credential.ts'
export { CallerCredential } from './caller-credential.ts'
export type { CallOptions, CoreClient, EvaluateToolAccessOptions, VerifyServerOptions } from './client.ts'
export type { CoreClientOptions } from './core-client.ts'
export { createCoreClient } from './core-client.ts'
export { computeParamsHash } from './params-hash.ts'
export type { ServerIdentitySource } from './server-identity-source.ts'
export type { Protocol } from './transport.ts'
export { CORE_MIN_VERSION, PROTO_VERSION, SDK_VERSION } from './version.ts'
