// Deciding calls of tools

export type {
  AllowedToolAccess,
  DeniedToolAccess,
  EvidenceRecord,
  GuardConfig,
  IdentityAssuranceLevel,
  ProvenRecord,
  SignedCheckpoint,
  ToolAccess,
} from '@capiscio/proto/sdk'
export {
  AuthLevel,
  DenyReason,
  EnforcementMode,
  EvidenceError,
  Outcome,
  parseEvidenceRecord,
  TrustLevel,
  verifyCheckpoint,
  verifyConsistency,
  verifyReceipt,
} from '@capiscio/proto/sdk'
export { getAbortSignal, withAbortSignal } from './abort-signal.ts'
export { currentDecision } from './current-decision.ts'
export type { EvaluateToolAccessOptions } from './evaluate-tool-access.ts'
export { evaluateToolAccess } from './evaluate-tool-access.ts'
export type { Guarded, Handler } from './guard.ts'
export { guard } from './guard.ts'
export { GuardError } from './guard-error.ts'
export type { GuardOptions } from './guard-options.ts'
export type { GuardableMethod, GuardedOptions } from './guarded.ts'
export { guarded } from './guarded.ts'
export { computeParamsHash } from './params-hash.ts'
export { computePythonParamsHash } from './python-params-hash.ts'
export { getServerOrigin, setServerOrigin, withServerOrigin } from './server-origin.ts'
export { evaluateToolAccessSync } from './sync/evaluate-tool-access-sync.ts'
export type { GuardSyncOptions } from './sync/guard-sync.ts'
export { guardSync } from './sync/guard-sync.ts'
export type { SyncCallOptions } from './sync/sync-call.ts'

// Callers' credentials

export { CredentialError } from '@capiscio/proto/sdk'
export type { BadgeSource, CredentialInput } from './caller-credential.ts'
export { CallerCredential } from './caller-credential.ts'
export { getCredential, setCredential, withCredential } from './credential.ts'
export { credentialFromMeta } from './credential-from-meta.ts'
export { credentialToMeta } from './credential-to-meta.ts'

// Verifying servers

export type {
  DisclosedServerIdentity,
  HeaderSource,
  ServerToVerify,
  ServerVerification,
  VerifyConfig,
} from '@capiscio/proto/sdk'
export {
  DisclosureError,
  parseHttpHeaders,
  parseJsonRpcMeta,
  ServerErrorCode,
  ServerState,
  ServerVerifyError,
} from '@capiscio/proto/sdk'
export { verifyServerSync } from './sync/verify-server-sync.ts'
export type { VerifyServerOptions } from './verify-server.ts'
export { verifyServer, verifyServerStrict } from './verify-server.ts'

// Keys and proofs of possession

export type { PopErrorCode, PopExchange, PopMethod, PopRequest, PopResponse } from '@capiscio/proto/sdk'
export {
  generatePopRequest,
  isPopNonce,
  isPopRequestExpired,
  KeyGenerationError,
  PopError,
  popRequestFromMeta,
  popRequestToMeta,
  popResponseFromMeta,
  popResponseToMeta,
} from '@capiscio/proto/sdk'
export { publicKeyFromDidKey, publicKeyToDidKey } from './ed25519-did-key.ts'
export type { KeySource } from './key-source.ts'
export { loadPrivateKey, loadPublicKey } from './key-source.ts'
export type { PopResponseOptions, VerifyPopOptions } from './proof-of-possession.ts'
export { createPopResponse, verifyPopResponse } from './proof-of-possession.ts'
export type { GenerateServerKeypairOptions, ServerKeypair } from './server-keypair.ts'
export { generateServerKeypair, generateServerKeypairSync } from './server-keypair.ts'

// Registries and badges

export type {
  BadgeKeeper,
  BadgeKeeperEvent,
  BadgeUnavailableCode,
  IssuedBadge,
  RegistrationErrorCode,
} from '@capiscio/proto/registry'
export { BadgeUnavailableError, RegistrationError } from '@capiscio/proto/registry'
export type { KeepBadgeOptions } from './registry/keep-badge.ts'
export { keepBadge } from './registry/keep-badge.ts'
export type { RegisterServerIdentityOptions, ServerRegistration } from './registry/register-server-identity.ts'
export { registerServerIdentity } from './registry/register-server-identity.ts'
export type { RegistryOptions } from './registry/registry-options.ts'
export type { ConnectServerIdentityOptions, ServerIdentityStatus } from './registry/server-identity.ts'
export { ServerIdentity } from './registry/server-identity.ts'
export type { SetUpServerIdentity, SetupServerIdentityOptions } from './registry/setup-server-identity.ts'
export { setupServerIdentity } from './registry/setup-server-identity.ts'
export { registerServerIdentitySync, setupServerIdentitySync } from './sync/registry-sync.ts'

// MCP servers and clients

export type { McpReceipt } from '@capiscio/proto/mcp'
export { receiptFrom } from '@capiscio/proto/mcp'
export type { BadgeAuthInfo } from './mcp/badge-auth-info.ts'
export type { BadgeVerifierOptions } from './mcp/badge-verifier.ts'
export { createBadgeVerifier } from './mcp/badge-verifier.ts'
export type { CallResult, McpCallOptions, McpClientOptions } from './mcp/capiscio-mcp-client.ts'
export { CapiscioMcpClient } from './mcp/capiscio-mcp-client.ts'
export type { McpServerOptions, McpToolHandler, McpToolOptions } from './mcp/capiscio-mcp-server.ts'
export { CapiscioMcpServer } from './mcp/capiscio-mcp-server.ts'
export type { ClientLike } from './mcp/client-like.ts'
export type { ConnectVerifiedOptions } from './mcp/connect-options.ts'
export type { VerifiedConnection } from './mcp/connect-verified.ts'
export { connectVerified } from './mcp/connect-verified.ts'
export type { FetchHandler, HonoContextLike, NodeRequestLike } from './mcp/framework-like.ts'
export type { HttpDisclosure } from './mcp/http-disclosure.ts'
export { createHttpDisclosure } from './mcp/http-disclosure.ts'
export type { HttpGate, HttpGateOptions } from './mcp/http-gate.ts'
export { createHttpGate } from './mcp/http-gate.ts'
export { McpSdkNotFoundError } from './mcp/installed-sdk.ts'
export type { ProtectServerOptions } from './mcp/protect-server.ts'
export { protectServer } from './mcp/protect-server.ts'
export type { ScopeContext, TrustChallenge } from './mcp/require-trust.ts'
export { requireTrust } from './mcp/require-trust.ts'
export type { ServerIdentityOptions } from './mcp/server-identity.ts'
export type { ServerLike } from './mcp/server-like.ts'

// The core that is asked

export type { CapiscioErrorCode, FieldViolation } from '@capiscio/proto/sdk'
export {
  CallAbortedError,
  CapiscioError,
  ClientClosedError,
  CoreAccessError,
  CoreAddressError,
  CoreConnectionError,
  CoreFaultError,
  CoreNotFoundError,
  CoreStartError,
  CoreTimeoutError,
  CoreTlsError,
  CoreUnavailableError,
  CoreVersionError,
  InvalidRequestError,
  MethodUnimplementedError,
  RequestTooLargeError,
} from '@capiscio/proto/sdk'
export type { CallOptions, CoreClient } from './client.ts'
export type { CoreClientOptions } from './core-client.ts'
export { createCoreClient } from './core-client.ts'
export type { CoreTlsOptions } from './core-security.ts'
export { getDefaultCoreClient, resetDefaultCoreClient, setDefaultCoreClient } from './default-client.ts'
export { CORE_MIN_VERSION, PROTO_VERSION, SDK_VERSION } from './version.ts'
