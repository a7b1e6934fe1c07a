import { setImmediate } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import {
  type EvaluateToolAccessRequest,
  EvaluateToolAccessRequestSchema,
  type FilterToolsRequest,
} from '@capiscio/proto/core/v1'
import type { AccessRequest } from '../domain/guard/access-request.ts'
import type { AllowedToolsCompiler } from '../domain/policy/allowed-tools.ts'
import { decodeAccessRequest } from './decode-access-request.ts'
import { EVALUATE_LIMITS } from './evaluate-limits.ts'
import { invalidArgument, RpcFault } from './rpc-fault.ts'

/** Whether a question would be answered with ALLOW now. Records nothing. */
export type WouldAllow = (request: AccessRequest) => Promise<boolean>

/**
 * Answers a listing tool by tool. Each tool is decoded and judged like a call of it, so that
 * a list cannot promise what a call refuses, nor the reverse. A name that no call can carry is
 * answered with no: one such tool must not hide the others.
 *
 * @throws {RpcFault} INVALID_ARGUMENT naming the tool and what is wrong with its demands
 */
export async function filterTools(
  { tools, credential }: FilterToolsRequest,
  wouldAllow: WouldAllow,
  allowedTools: AllowedToolsCompiler,
): Promise<boolean[]> {
  const { listedTools } = EVALUATE_LIMITS
  if (tools.length > listedTools) {
    throw invalidArgument([{ field: 'tools', description: `must be at most ${listedTools} entries` }])
  }
  const answers: boolean[] = []
  // One after another: the first one verifies the badge, and the others find it in the cache.
  for (const [index, { toolName, config }] of tools.entries()) {
    const question = decodeTool(
      create(EvaluateToolAccessRequestSchema, { toolName, credential, ...(config && { config }) }),
      index,
    )
    answers.push(question !== undefined && (await wouldAllow(question)))
    // The patterns of each tool may take long to read and to match: others have their turn in between.
    await setImmediate()
  }
  return answers

  function decodeTool(question: EvaluateToolAccessRequest, index: number): AccessRequest | undefined {
    try {
      return decodeAccessRequest(question, allowedTools)
    } catch (fault) {
      if (!(fault instanceof RpcFault)) throw fault
      if (fault.violations.every(({ field }) => field === 'tool_name')) return undefined
      throw invalidArgument(fault.violations.map((wrong) => ({ ...wrong, field: `tools[${index}].${wrong.field}` })))
    }
  }
}
