import { create } from '@bufbuild/protobuf'
import type { EvaluateToolAccessRequest, EvaluateToolAccessResponse } from '@capiscio/proto/core/v1'
import { EvaluateToolAccessResponseSchema, GetServerInfoResponseSchema } from '@capiscio/proto/core/v1'
import type { CallOptions, CoreClient } from '../../sdk-node/src/client.ts'
import type { ScriptedAnswer } from './scripted-core.ts'
import { allow } from './scripted-core.ts'

/** A core in this process behind the client's interface, as `createInProcessCore` offers one. */
export interface ScriptedClient extends CoreClient {
  readonly requests: EvaluateToolAccessRequest[]
  readonly options: (CallOptions | undefined)[]
  script: (request: EvaluateToolAccessRequest) => ScriptedAnswer | Promise<ScriptedAnswer>
}

export function createScriptedClient(script: ScriptedClient['script'] = allow): ScriptedClient {
  const client: ScriptedClient = {
    requests: [],
    options: [],
    script,
    async evaluateToolAccess(request, options): Promise<EvaluateToolAccessResponse> {
      client.requests.push(request)
      client.options.push(options)
      const answer = await client.script(request)
      if (answer.kind !== 'decision') throw new Error(`an in-process core has no ${answer.kind}`)
      return create(
        EvaluateToolAccessResponseSchema,
        answer.decision === undefined ? {} : { decision: answer.decision },
      )
    },
    filterTools: () => Promise.reject(new Error('this client filters no tools')),
    verifyServer: () => Promise.reject(new Error('this client verifies no servers')),
    getServerInfo: async () =>
      create(GetServerInfoResponseSchema, { coreVersion: '0.1.0', protoVersion: '1.0', ready: true }),
    [Symbol.asyncDispose]: async () => {},
  }
  return client
}
