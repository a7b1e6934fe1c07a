import type { MessageInitShape } from '@bufbuild/protobuf'
import { CoreService, type GetServerInfoResponseSchema, type ParseServerIdentityRequest } from '@capiscio/proto/core/v1'
import {
  type DisclosedIdentity,
  DisclosureRefused,
  identityFromHeaders,
  identityFromMeta,
} from '../domain/identity/disclosed-identity.ts'
import type { ServerVerifier } from '../domain/identity/verify-server.ts'
import type { AllowedToolsCompiler } from '../domain/policy/allowed-tools.ts'
import { decodeAuthenticateCaller, encodeAuthentication } from './authenticate-caller.ts'
import { decodeAccessRequest } from './decode-access-request.ts'
import { encodeDecision } from './encode-decision.ts'
import type { AuthenticateAccess, EvaluateAccess } from './evaluate-access.ts'
import { createEvaluateStream } from './evaluate-stream.ts'
import { filterTools, type WouldAllow } from './filter-tools.ts'
import type { createGenerateKeypair } from './generate-keypair.ts'
import type { createRegisterIdentity } from './register-identity.ts'
import { invalidArgument } from './rpc-fault.ts'
import { implementService } from './service-implementation.ts'
import { decodeVerifyServer, encodeServerVerification } from './verify-server.ts'

export interface CoreServiceOptions {
  readonly evaluate: EvaluateAccess
  readonly wouldAllow: WouldAllow
  readonly authenticate: AuthenticateAccess
  readonly allowedTools: AllowedToolsCompiler
  /** Largest message that may be sent. */
  readonly maxMessageBytes: number
  readonly servers: ServerVerifier
  readonly generateKeypair: ReturnType<typeof createGenerateKeypair>
  readonly registerIdentity: ReturnType<typeof createRegisterIdentity>
  /** What this core says about itself now. */
  readonly serverInfo: () => Promise<MessageInitShape<typeof GetServerInfoResponseSchema>>
}

/** `capiscio.core.v1.CoreService`. */
export function createCoreService({
  evaluate,
  wouldAllow,
  authenticate,
  allowedTools,
  maxMessageBytes,
  servers,
  generateKeypair,
  registerIdentity,
  serverInfo,
}: CoreServiceOptions) {
  const bidi = { evaluateToolAccessStream: createEvaluateStream({ evaluate, allowedTools, maxMessageBytes }) }
  return implementService(
    CoreService,
    {
      async evaluateToolAccess(message, { header }) {
        const request = decodeAccessRequest(message, allowedTools, { traceparent: header('traceparent') })
        return { decision: encodeDecision(await evaluate(request)) }
      },

      filterTools: async (message) => ({ allowed: await filterTools(message, wouldAllow, allowedTools) }),

      async authenticateCaller(message, { header }) {
        const request = decodeAuthenticateCaller(message, allowedTools, header('traceparent'))
        return encodeAuthentication(await authenticate(request))
      },

      async verifyServer(message) {
        const { claim, demands } = decodeVerifyServer(message)
        return encodeServerVerification(await servers.verify(claim, demands))
      },

      async parseServerIdentity({ source }) {
        const identity = readIdentity(source)
        return identity === undefined ? {} : { identity: { serverDid: identity.did, serverBadge: identity.badge } }
      },

      generateKeypair: (message) => generateKeypair(message),

      registerIdentity: (message) => registerIdentity(message),

      getServerInfo: () => serverInfo(),
    },
    bidi,
  )
}

function readIdentity(source: ParseServerIdentityRequest['source']): DisclosedIdentity | undefined {
  switch (source.case) {
    case 'httpHeaders':
      return identityFromHeaders(source.value.capiscioServerDid, source.value.capiscioServerBadge)
    case 'jsonrpcMeta':
      try {
        return identityFromMeta(source.value)
      } catch (refused) {
        if (!(refused instanceof DisclosureRefused)) throw refused
        throw invalidArgument([{ field: 'jsonrpc_meta', description: refused.message }])
      }
    case undefined:
      throw invalidArgument([{ field: 'source', description: 'is required: http_headers or jsonrpc_meta' }])
  }
}
