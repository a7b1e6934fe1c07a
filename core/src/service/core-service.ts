import type { MessageInitShape } from '@bufbuild/protobuf'
import { CoreService, type GetServerInfoResponseSchema } from '@capiscio/proto/core/v1'
import { EvidenceOverloaded } from '../domain/evidence/evidence-errors.ts'
import type { ToolGuard } from '../domain/guard/tool-guard.ts'
import { createAllowedToolsCompiler } from '../domain/policy/allowed-tools.ts'
import { decodeAccessRequest } from './decode-access-request.ts'
import { encodeDecision } from './encode-decision.ts'
import { RpcFault } from './rpc-fault.ts'
import { implementService } from './service-implementation.ts'

export interface CoreServiceOptions {
  readonly guard: ToolGuard
  /** What this core says about itself now. */
  readonly serverInfo: () => Promise<MessageInitShape<typeof GetServerInfoResponseSchema>>
}

/** When too many decisions wait, a caller does well to pause this long. */
const OVERLOAD_RETRY_MS = 250

/** `capiscio.core.v1.CoreService`. */
export function createCoreService({ guard, serverInfo }: CoreServiceOptions) {
  // Hosts send the same lists again and again; what is kept of them stays small.
  const allowedTools = createAllowedToolsCompiler({ maxLists: 256, maxCharacters: 1024 * 1024 })
  return implementService(CoreService, {
    async evaluateToolAccess(message) {
      const request = decodeAccessRequest(message, allowedTools)
      try {
        return { decision: encodeDecision(await guard.evaluate(request)) }
      } catch (thrown) {
        if (!(thrown instanceof EvidenceOverloaded)) throw thrown
        throw new RpcFault('UNAVAILABLE', 'Too many decisions are waiting to be recorded. Try again later.', {
          cause: thrown,
          retryAfterMs: OVERLOAD_RETRY_MS,
        })
      }
    },

    getServerInfo: () => serverInfo(),
  })
}
