import type { GetServerInfoResponse } from '@capiscio/proto/core/v1'
import type {
  DisclosedServerIdentity,
  GuardConfig,
  ServerToVerify,
  ServerVerification,
  ToolAccess,
  VerifyConfig,
} from '@capiscio/proto/sdk'
import type { CredentialInput } from './caller-credential.ts'
import type { ServerIdentitySource } from './server-identity-source.ts'

/** Limits of one call to the core. */
export interface CallOptions {
  /** Gives the call up when aborted; rejects with `CallAbortedError`. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the call is given up with `CoreTimeoutError`. Default: the client's. */
  readonly timeoutMs?: number | undefined
}

/** Options of `evaluateToolAccess`. */
export interface EvaluateToolAccessOptions extends CallOptions {
  /** The caller's credential. Default: an anonymous caller. */
  readonly credential?: CredentialInput | undefined
  /** What the tool demands. Default: nothing beyond the core's own policy. */
  readonly config?: GuardConfig | undefined
  /** Origin of the MCP server that asks, for the record only. Default none. */
  readonly serverOrigin?: string | undefined
}

/** Options of `verifyServer`. */
export interface VerifyServerOptions extends CallOptions {
  /** What you demand of the server. Default: what the core trusts. */
  readonly config?: VerifyConfig | undefined
}

/**
 * What a page can ask a core. Every method rejects with `TypeError` for wrong use and with a
 * `CapiscioError` when there is no answer.
 *
 * A call asks once. Nothing is asked again after it may have reached the core, because
 * every decision leaves a record.
 */
export interface CoreClient {
  /** Default of `CallOptions.timeoutMs`, in milliseconds. */
  readonly timeoutMs: number

  /**
   * Asks whether a caller may run a tool now, and leaves a record of the answer. A denial is
   * an answer: it resolves with outcome DENY. Run the tool only on ALLOW, which is given only
   * with the record of exactly this tool and these arguments.
   *
   * @param params The tool's arguments, any JSON value, taken when the call is made; only
   * their hash leaves the page. `undefined` is `{}`.
   */
  evaluateToolAccess(toolName: string, params: unknown, options?: EvaluateToolAccessOptions): Promise<ToolAccess>

  /**
   * Reads the identity that an MCP server disclosed. Verifies nothing. Undefined when nothing
   * was disclosed.
   *
   * @throws InvalidRequestError when both spellings of a name in `_meta` have different values.
   */
  parseServerIdentity(source: ServerIdentitySource, options?: CallOptions): Promise<DisclosedServerIdentity | undefined>

  /**
   * Asks the core who an MCP server is, from what it disclosed (RFC-007 §7). A server that is
   * not verified is an answer; go no further with it, or hand the answer to `ServerVerifyError`.
   */
  verifyServer(server: ServerToVerify, options?: VerifyServerOptions): Promise<ServerVerification>

  /** Asks what the core is. */
  getServerInfo(options?: CallOptions): Promise<GetServerInfoResponse>
}
