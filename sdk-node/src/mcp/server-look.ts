import type { HandshakeMethod, McpMessage, McpRequest } from '@capiscio/proto/mcp'
import { isResult } from '@capiscio/proto/mcp'
import type { DisclosedServerIdentity, PopRequest, ServerVerification, VerifyConfig } from '@capiscio/proto/sdk'
import { generatePopRequest, popRequestToMeta, ServerErrorCode, ServerVerifyError } from '@capiscio/proto/sdk'
import { verifyServer } from '../verify-server.ts'
import type { ClientLike } from './client-like.ts'
import { eraOf } from './client-like.ts'
import type { ConnectDecided } from './connect-options.ts'
import { popAnswer, readMetaIdentity, refusal, unverified } from './disclosed-identity.ts'
import { withMeta } from './with-meta.ts'

/** Looks at the server at the other end of one connection: who it says it is, and whether that holds. */
export interface ServerLook {
  /** A handshake as it leaves: with a fresh nonce, whose answer is looked at next. */
  ask(request: McpRequest, method: HandshakeMethod): McpRequest
  /** Every message that arrives, for the answers to what was asked. */
  hear(message: McpMessage): void
  /**
   * Looks now.
   *
   * @param isAskedAnew somebody else asked the server anew who it is: what was said before counts no more
   * @throws ServerVerifyError when the server does not pass; CapiscioError without an answer
   */
  look(isAskedAnew: boolean, signal?: AbortSignal): Promise<void>
  /** Whether the headers of its newest answer disclose somebody else. */
  isContradicted(): boolean
  /** The newest verification; undefined before the first. */
  current(): ServerVerification | undefined
}

/** What a server said in one handshake, with the nonce that it was asked. */
interface Handshake {
  readonly method: HandshakeMethod
  readonly meta: unknown
  readonly pop: PopRequest
}

export function createServerLook(mcp: ClientLike, { config, endpoint, options }: ConnectDecided): ServerLook {
  const { http, expectedDid, failOnUnverified = true } = options
  const asked = new Map<unknown, PopRequest>()
  let handshake: Handshake | undefined
  let current: ServerVerification | undefined
  /** The DID that was verified first. A connection is with one server. */
  let verifiedDid: string | undefined
  let lastDisclosed: DisclosedServerIdentity | undefined

  async function lookOnce(isAskedAnew: boolean, signal?: AbortSignal): Promise<void> {
    const isModern = eraOf(mcp) === 'modern'
    if (options.requireModernEra === true && !isModern) {
      const detail = 'The server speaks only the legacy era, whose proofs of possession can be relayed.'
      throw new ServerVerifyError(unverified(ServerErrorCode.POP_FAILED, detail, readMetaIdentity(handshake?.meta)))
    }
    // In the legacy era a server discloses once for a connection; what it said then counts later.
    const mayRemember = !isModern && !isAskedAnew
    const headersBefore = http?.latest()
    // The connect-time probe may have met another process, and its nonce is used up by now.
    const isAskedAgain = isModern && (current !== undefined || handshake?.method !== 'server/discover')
    const asked = { method: 'server/discover', params: {} }
    if (isAskedAgain) await mcp.request(asked, { signal, timeout: options.timeoutMs })
    const headers = http?.latest()
    const verification = await verifyHandshake(
      isAskedAgain && headers === headersBefore ? undefined : headers,
      mayRemember,
      signal,
    )
    // So a badge that has run out since then says nothing new. What was revoked does.
    const isOutlived = verification.errorCode === ServerErrorCode.BADGE_EXPIRED && current?.isVerified === true
    if (isOutlived && mayRemember && headers === undefined) return
    if (!verification.isVerified && failOnUnverified) throw new ServerVerifyError(verification)
    if (verification.isVerified) verifiedDid ??= verification.serverDid
    // A proof is made once for a connection there, too.
    const isProven = mayRemember && verification.badgeJti !== undefined && verification.badgeJti === current?.badgeJti
    current =
      isProven && current?.popVerified === true ? Object.freeze({ ...verification, popVerified: true }) : verification
  }

  async function verifyHandshake(
    headers: DisclosedServerIdentity | undefined,
    mayRemember: boolean,
    signal: AbortSignal | undefined,
  ): Promise<ServerVerification> {
    const seen = handshake
    // Whatever it proved, it proved once.
    handshake = undefined
    const disclosed = readIdentity(seen?.meta, headers, mayRemember)
    const answer = popAnswer(seen?.meta)
    const verification = await verifyServer(
      {
        ...disclosed,
        ...endpoint,
        ...(seen && answer && { proof: { ...seen.pop, ...answer } }),
      },
      { config: demandsOf(seen, mayRemember), client: options.client, signal, timeoutMs: options.timeoutMs },
    )
    const expected = expectedDid ?? (disclosed.serverDid && verifiedDid)
    if (expected === undefined || disclosed.serverDid === expected) return verification
    if (disclosed.serverDid === undefined && !verification.isVerified) return verification
    const detail = `Expected was ${expected}.`
    return Object.freeze({
      ...unverified(ServerErrorCode.DID_MISMATCH, detail, disclosed),
      badgeJti: verification.badgeJti,
    })
  }

  /** A legacy server proves itself in `initialize`, once for a connection: later looks are at its badge alone. */
  function demandsOf(seen: Handshake | undefined, mayRemember: boolean): VerifyConfig {
    const wasProven = mayRemember && seen === undefined && current?.popVerified === true
    return wasProven ? { ...config, requirePop: false } : config
  }

  function readIdentity(
    meta: unknown,
    headers: DisclosedServerIdentity | undefined,
    mayRemember: boolean,
  ): DisclosedServerIdentity {
    const inMeta = readMetaIdentity(meta)
    if (headers !== undefined && inMeta.serverDid !== undefined && headers.serverDid !== inMeta.serverDid) {
      throw refusal('Headers and handshake disclose different DIDs.')
    }
    const found =
      inMeta.serverDid !== undefined ? inMeta : (headers ?? (mayRemember ? lastDisclosed : undefined) ?? inMeta)
    lastDisclosed = found
    return found
  }

  return {
    ask(request, method) {
      const pop = generatePopRequest(method)
      asked.set(request.id, pop)
      return withMeta(request, popRequestToMeta(pop))
    },
    hear(message) {
      const pop = asked.get(message.id)
      if (message.method !== undefined || pop === undefined) return
      asked.delete(message.id)
      if (isResult(message)) handshake = { method: pop.method, meta: message.result._meta, pop }
    },
    async look(isAskedAnew, signal) {
      try {
        await lookOnce(isAskedAnew, signal)
      } catch (error) {
        if (error instanceof ServerVerifyError) current = error.verification
        throw error
      }
    },
    isContradicted() {
      const did = http?.latest()?.serverDid
      return did !== undefined && verifiedDid !== undefined && did !== verifiedDid
    },
    current: () => current,
  }
}
