import { hash, timingSafeEqual } from 'node:crypto'
import { RpcFault } from '../service/rpc-fault.ts'

/** Who may call over TCP where tokens are configured. */
export interface BearerTokens {
  /** SHA-256 of each valid token, 32 bytes. */
  hashes(): readonly Uint8Array[]
}

/** RFC 6750 §2.1. Longer tokens than anybody configures are not hashed. */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]{1,512}={0,2})$/i

/**
 * Lets a call in whose `authorization` header holds a valid token.
 *
 * Hashes are compared, all of them and each in constant time: the time tells neither how
 * much of a token was right nor which one it was.
 *
 * @param authorization the header; attacker-controlled and secret
 * @throws {RpcFault} UNAUTHENTICATED
 */
export function checkBearerToken(tokens: BearerTokens, authorization: string | undefined): void {
  const token = BEARER.exec(authorization ?? '')?.[1]
  if (token === undefined) {
    throw new RpcFault(
      'UNAUTHENTICATED',
      'This core wants a token with every call over TCP: send "authorization: Bearer TOKEN", or set CAPISCIO_CORE_TOKEN for the SDK. Health needs none.',
    )
  }
  const shown = hash('sha256', token, 'buffer')
  let valid = false
  for (const known of tokens.hashes()) {
    if (timingSafeEqual(shown, known)) valid = true
  }
  if (valid) return
  throw new RpcFault(
    'UNAUTHENTICATED',
    'The token is not one that this core accepts: ask its operator for the one in its token file.',
  )
}
