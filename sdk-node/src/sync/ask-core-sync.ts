import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { EvaluateToolAccessRequestSchema, EvaluateToolAccessResponseSchema } from '@capiscio/proto/core/v1'
import type { ToolAccess } from '@capiscio/proto/sdk'
import { decodeDecision } from '@capiscio/proto/sdk'
import { throwIfAborted } from '../abort-signal.ts'
import { type Question, toRequest } from '../ask-core.ts'
import { resolveSecretSync } from '../caller-credential.ts'
import { callCoreSync, type SyncCallOptions } from './sync-call.ts'

/** `askCore`, blocking. */
export function askCoreSync(question: Omit<Question, 'client'>, core: SyncCallOptions['core']): ToolAccess {
  const { credential, signal, timeoutMs } = question
  throwIfAborted(signal)
  const secret = credential === undefined ? undefined : resolveSecretSync(credential)
  const request = toBinary(EvaluateToolAccessRequestSchema, toRequest(question, secret))
  const answer = callCoreSync('evaluateToolAccess', request, { timeoutMs, core })
  const { decision } = fromBinary(EvaluateToolAccessResponseSchema, answer)
  return decodeDecision(decision, question, secret === undefined ? [] : [secret])
}
