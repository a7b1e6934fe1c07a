import type { MessageInitShape } from '@bufbuild/protobuf'
import { create, fromBinary } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import type { EvaluateToolAccessRequest, ParseServerIdentityRequest } from '@capiscio/proto/core/v1'
import {
  CoreService,
  EvaluateToolAccessResponseSchema,
  type GetServerInfoResponseSchema,
  type ParseServerIdentityResponseSchema,
} from '@capiscio/proto/core/v1'
import { BadRequestSchema, RetryInfoSchema } from '@capiscio/proto/google/rpc'
import { ConnectError, createConnectRouter } from '@connectrpc/connect'
import { createFetchHandler } from '@connectrpc/connect/protocol'
import type { ScriptedAnswer } from '../../fakes/scripted-core.ts'
import { allow } from '../../fakes/scripted-core.ts'

/** A core behind a `fetch`: the real protocols on both sides, and no network between them. */
export interface ScriptedFetch {
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>
  /** What was given to `fetch`, in order. */
  readonly calls: { readonly url: string; readonly init: RequestInit }[]
  readonly requests: EvaluateToolAccessRequest[]
  readonly identityRequests: ParseServerIdentityRequest[]
  script: (request: EvaluateToolAccessRequest) => ScriptedAnswer | Promise<ScriptedAnswer>
  info: MessageInitShape<typeof GetServerInfoResponseSchema>
  identity: MessageInitShape<typeof ParseServerIdentityResponseSchema>
}

export function createScriptedFetch(script: ScriptedFetch['script'] = allow): ScriptedFetch {
  const router = createConnectRouter().service(CoreService, {
    async evaluateToolAccess(request) {
      core.requests.push(request)
      return toResponse(await core.script(request))
    },
    parseServerIdentity(request) {
      core.identityRequests.push(request)
      return core.identity
    },
    getServerInfo: () => core.info,
  })
  const core: ScriptedFetch = {
    calls: [],
    requests: [],
    identityRequests: [],
    script,
    info: { coreVersion: '0.1.0', protoVersion: '1.0', ready: true },
    identity: {},
    async fetch(input, init = {}) {
      const url = String(input)
      core.calls.push({ url, init })
      const handler = router.handlers.find(({ requestPath }) => url.endsWith(requestPath))
      if (handler === undefined) return new Response('not here', { status: 404 })
      const { body, signal, ...rest } = init
      const answering = createFetchHandler(handler)(new Request(url, { ...rest, body: body ?? null }))
      return Promise.race([answering, aborted(signal)])
    },
  }
  return core
}

/** As a browser does: the promise of `fetch` is rejected at once, whatever the server does. */
function aborted(signal: AbortSignal | null | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function toResponse(answer: ScriptedAnswer) {
  if (answer.kind === 'bytes') return fromBinary(EvaluateToolAccessResponseSchema, answer.bytes)
  if (answer.kind === 'decision') {
    return create(EvaluateToolAccessResponseSchema, answer.decision && { decision: answer.decision })
  }
  const details = (answer.details ?? []).map((detail) =>
    'retryAfterMs' in detail
      ? { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(detail.retryAfterMs) } }
      : { desc: BadRequestSchema, value: { fieldViolations: [...detail.fieldViolations] } },
  )
  throw new ConnectError(answer.message, answer.code, undefined, details)
}
