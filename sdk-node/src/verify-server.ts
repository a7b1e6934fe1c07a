import type { ServerToVerify, ServerVerification, VerifyConfig } from '@capiscio/proto/sdk'
import {
  decodeServerVerification,
  readOptions,
  requireTimeoutMs,
  ServerVerifyError,
  toVerifyServerRequest,
} from '@capiscio/proto/sdk'
import { anySignal, getAbortSignal, throwIfAborted } from './abort-signal.ts'
import type { CoreClient } from './client.ts'
import { getDefaultCoreClient } from './default-client.ts'

const NAMES = ['config', 'signal', 'timeoutMs', 'client'] as const

/** Options of `verifyServer`. */
export interface VerifyServerOptions {
  /** What you demand of the server. Default: what the core trusts. */
  readonly config?: VerifyConfig | undefined
  /** Gives the question up when aborted. The signal of `withAbortSignal` counts as well. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the question is given up. Default: the client's, 10 000. */
  readonly timeoutMs?: number | undefined
  /** The core to ask. Default: the process's own client. */
  readonly client?: CoreClient | undefined
}

/**
 * Asks the core who an MCP server is, from what it disclosed (RFC-007 §7). A server that is
 * not verified is an answer.
 *
 * ```ts
 * const server = await verifyServer({ ...parseHttpHeaders(response.headers), transportOrigin: 'https://mcp.example.com' })
 * if (!server.isVerified) return leave(server.errorCode)
 * ```
 *
 * @throws TypeError for wrong use.
 * @throws CapiscioError when the core gave no answer: treat the server as unverified.
 */
export async function verifyServer(
  server: ServerToVerify,
  options: VerifyServerOptions = {},
): Promise<ServerVerification> {
  readOptions(options, NAMES, 'The options of verifyServer')
  const { config, timeoutMs, client } = options
  if (timeoutMs !== undefined) requireTimeoutMs(timeoutMs)
  const request = toVerifyServerRequest(server, config)
  const signal = anySignal([getAbortSignal(), options.signal])
  throwIfAborted(signal)
  const response = await (client ?? getDefaultCoreClient()).verifyServer(request, { signal, timeoutMs })
  return decodeServerVerification(response, request)
}

/**
 * The same, for those who go no further with an unverified server.
 *
 * @throws ServerVerifyError with the code of the check that failed.
 */
export async function verifyServerStrict(
  server: ServerToVerify,
  options: VerifyServerOptions = {},
): Promise<ServerVerification> {
  const verification = await verifyServer(server, options)
  if (!verification.isVerified) throw new ServerVerifyError(verification)
  return verification
}
