import type { AllowedTools } from '../policy/allowed-tools.ts'

/** What the caller showed. The text inside is attacker-controlled and secret. */
export type Credential =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'apiKey'; readonly key: string }
  | { readonly kind: 'badge'; readonly token: string }

/** What the MCP server demands for this call. It can only tighten the core's policy. */
export interface ServerDemands {
  /** 0 to 4. */
  readonly minTrustLevel: 0 | 1 | 2 | 3 | 4
  readonly minIal: 0 | 1
  readonly requireBadge: boolean
  readonly acceptLevelZero: boolean
  /** HTTPS origins, did:web or did:key. Empty means all of the core's. */
  readonly trustedIssuers: readonly string[]
  /** The tools that this server lets through at all. */
  readonly allowedTools: AllowedTools
}

/** One question to the guard, within the limits that the service checked. */
export interface AccessRequest {
  readonly toolName: string
  /** `sha256:` + base64url, or empty. */
  readonly paramsHash: string
  readonly serverOrigin: string
  readonly credential: Credential
  /** Absent narrows nothing. */
  readonly demands: ServerDemands | undefined
  /** The MCP server's label for its own policy; recorded, never obeyed. */
  readonly requestPolicyVersion: string
  readonly traceparent: string
  readonly sdk: string
}
