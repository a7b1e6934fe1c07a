/**
 * Calls that anybody may make whom the listener lets in: they ask, and change nothing but
 * the evidence of having been asked.
 */
const ORDINARY: Readonly<Record<string, readonly string[]>> = {
  'capiscio.core.v1.CoreService': [
    'EvaluateToolAccess',
    'EvaluateToolAccessStream',
    'FilterTools',
    'AuthenticateCaller',
    'VerifyServer',
    'ParseServerIdentity',
    'GetServerInfo',
  ],
  'capiscio.core.v1.EvidenceService': ['GetCheckpoint', 'RecordOutcome'],
  'capiscio.v1.MCPService': [
    'EvaluateToolAccess',
    'EvaluatePolicyDecision',
    'VerifyServerIdentity',
    'ParseServerIdentity',
    'Health',
  ],
  'capiscio.v1.SimpleGuardService': ['Verify', 'VerifyAttached', 'VerifyEnvelopeChain', 'BuildTransportHeaders'],
  'capiscio.v1.BadgeService': ['VerifyBadge', 'VerifyBadgeWithOptions', 'ParseBadge'],
  'capiscio.v1.DIDService': ['Parse', 'NewAgentDID', 'NewCapiscIOAgentDID', 'DocumentURL', 'IsAgentDID'],
  'capiscio.v1.TrustStoreService': ['GetKey', 'ListKeys', 'IsTrusted'],
  'capiscio.v1.RevocationService': ['IsRevoked', 'ListRevocations', 'GetCacheStats'],
}

const PATHS: ReadonlySet<string> = new Set(
  Object.entries(ORDINARY).flatMap(([service, methods]) => methods.map((method) => `/${service}/${method}`)),
)

/**
 * Whether a call makes or uses keys, changes what is trusted or revoked, reads evidence,
 * administers, or spends a credential of its caller: all that is not known to be ordinary.
 * Such calls are answered only to this machine's own programs and to clients that showed a
 * certificate.
 *
 * @param path `/package.Service/Method`
 */
export function isPrivilegedMethod(path: string): boolean {
  return !PATHS.has(path)
}
