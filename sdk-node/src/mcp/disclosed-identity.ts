import type { DisclosedServerIdentity, ServerVerification } from '@capiscio/proto/sdk'
import {
  DisclosureError,
  PopError,
  parseJsonRpcMeta,
  popResponseFromMeta,
  ServerErrorCode,
  ServerState,
  ServerVerifyError,
} from '@capiscio/proto/sdk'

/** Who a server says it is in the `_meta` of a handshake. @throws ServerVerifyError when it says two things. */
export function readMetaIdentity(meta: unknown): DisclosedServerIdentity {
  try {
    return parseJsonRpcMeta(meta)
  } catch (conflict) {
    if (conflict instanceof DisclosureError) throw refusal(conflict.message)
    throw conflict
  }
}

/** The proof of possession in the `_meta` of a handshake, if there is one. */
export function popAnswer(meta: unknown) {
  try {
    return popResponseFromMeta(meta)
  } catch (conflict) {
    // Two answers that differ prove nothing.
    if (conflict instanceof PopError) return undefined
    throw conflict
  }
}

/** What is known of a server that was not verified here, without asking the core. */
export function unverified(
  errorCode: ServerErrorCode,
  detail: string,
  { serverDid }: Partial<DisclosedServerIdentity> = {},
): ServerVerification {
  return Object.freeze({
    state: serverDid === undefined ? ServerState.UNVERIFIED_ORIGIN : ServerState.DECLARED_PRINCIPAL,
    isVerified: false,
    hasIdentity: serverDid !== undefined,
    errorCode,
    detail,
    serverDid,
    badgeJti: undefined,
    trustLevel: undefined,
    popVerified: false,
  })
}

/** What a server disclosed can be read in two ways. */
export function refusal(detail: string): ServerVerifyError {
  return new ServerVerifyError(unverified(ServerErrorCode.DID_INVALID, detail))
}
