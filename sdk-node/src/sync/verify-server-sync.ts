import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { VerifyServerRequestSchema, VerifyServerResponseSchema } from '@capiscio/proto/core/v1'
import type { ServerToVerify, ServerVerification, VerifyConfig } from '@capiscio/proto/sdk'
import { decodeServerVerification, readOptions, requireTimeoutMs, toVerifyServerRequest } from '@capiscio/proto/sdk'
import { getAbortSignal, throwIfAborted } from '../abort-signal.ts'
import { callCoreSync, type SyncCallOptions } from './sync-call.ts'

const NAMES = ['config', 'timeoutMs', 'core'] as const

/**
 * `verifyServer`, blocking this thread while a worker asks.
 *
 * @throws TypeError for wrong use.
 * @throws CapiscioError when the core gave no answer: treat the server as unverified.
 */
export function verifyServerSync(
  server: ServerToVerify,
  options: SyncCallOptions & { readonly config?: VerifyConfig | undefined } = {},
): ServerVerification {
  readOptions(options, NAMES, 'The options of verifyServerSync')
  if (options.timeoutMs !== undefined) requireTimeoutMs(options.timeoutMs)
  const request = toVerifyServerRequest(server, options.config)
  throwIfAborted(getAbortSignal())
  const answer = callCoreSync('verifyServer', toBinary(VerifyServerRequestSchema, request), options)
  return decodeServerVerification(fromBinary(VerifyServerResponseSchema, answer), request)
}
