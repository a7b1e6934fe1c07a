import type { TrustLevel } from '@capiscio/proto/sdk'
import type { VerifiedCaller } from '../authenticate-caller.ts'

/** A verified caller in the form that both MCP SDKs hand to request handlers as `authInfo`. */
export interface BadgeAuthInfo {
  /** The badge. Secret. */
  token: string
  /** The caller's DID. */
  clientId: string
  /** `trust:0` up to the badge's own level, so that a minimum can be asked for as a scope. */
  scopes: string[]
  /** When the badge expires, in Unix seconds. */
  expiresAt: number
  extra: { did: string; trustLevel: TrustLevel; ial: number; badgeJti: string; issuer: string }
}

/** The scope that stands for a trust level. */
export function trustScope(level: number): string {
  return `trust:${level}`
}

export function badgeAuthInfo(token: string, caller: VerifiedCaller): BadgeAuthInfo {
  const { expiresAt, ...extra } = caller
  return {
    token,
    clientId: caller.did,
    scopes: Array.from({ length: caller.trustLevel + 1 }, (_, level) => trustScope(level)),
    expiresAt: Math.floor(expiresAt.getTime() / 1000),
    extra,
  }
}
