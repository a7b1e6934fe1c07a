import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { anyPack, timestampFromMs } from '@bufbuild/protobuf/wkt'
import type {
  Decision,
  EvaluateToolAccessRequest,
  EvaluateToolAccessStreamRequest,
  GetServerInfoResponse,
} from '@capiscio/proto/core/v1'
import {
  AuthLevel,
  CoreService,
  DecisionSchema,
  DenyReason,
  EvaluateToolAccessRequestSchema,
  EvaluateToolAccessResponseSchema,
  EvaluateToolAccessStreamResponseSchema,
  GetServerInfoResponseSchema,
  Outcome,
} from '@capiscio/proto/core/v1'
import type { Status } from '@capiscio/proto/google/rpc'
import { BadRequestSchema, RetryInfoSchema, StatusSchema } from '@capiscio/proto/google/rpc'
import type { handleBidiStreamingCall, handleUnaryCall, ServerCredentials, sendUnaryData } from '@grpc/grpc-js'
import { Metadata, Server, ServerCredentials as ServerCredentialsFactory } from '@grpc/grpc-js'
import canonicalize from 'canonicalize'

/** What a script makes of one question. */
export type ScriptedAnswer =
  | { readonly kind: 'decision'; readonly decision: Decision | undefined }
  | {
      readonly kind: 'status'
      readonly code: number
      readonly message: string
      readonly details?: readonly DetailInit[]
    }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }

export type DetailInit =
  | { readonly fieldViolations: readonly { field: string; description: string }[] }
  | { readonly retryAfterMs: number }

export type Script = (request: EvaluateToolAccessRequest) => ScriptedAnswer | Promise<ScriptedAnswer>

/** A core on a real socket whose decisions are scripted. It keeps what it was asked. */
export interface ScriptedCore extends AsyncDisposable {
  /** In the form of CAPISCIO_CORE_ADDR. */
  readonly address: string
  /** Questions in the order of arrival. */
  readonly requests: EvaluateToolAccessRequest[]
  /** How many of them came alone, in a call of their own. */
  alone(): number
  /** How many came in each message of each stream, in the order of arrival. */
  readonly messages: number[]
  /** Number of streams opened so far, and of those that are still open. */
  streams(): { readonly opened: number; readonly open: number }
  /** Questions given up by the client before they were answered. */
  cancelled(): number
  /** Number of GetServerInfo calls. */
  infoCalls(): number
  /** Drops every connection at once, as a crash would. */
  dropConnections(): void
  script: Script
  info: MessageInitShape<typeof GetServerInfoResponseSchema>
}

export interface ScriptedCoreOptions {
  readonly over?: 'tcp' | 'unix'
  readonly socketPath?: string
  readonly port?: number
  readonly credentials?: ServerCredentials
  /** Offer no method at all. */
  readonly foreign?: boolean
  /** Offer `EvaluateToolAccessStream`. Default true. */
  readonly stream?: boolean
}

const ANSWER = EvaluateToolAccessStreamResponseSchema

const DECIDED_AT_MS = Date.UTC(2026, 4, 6, 10, 0, 0)

/** An ALLOW with the record of exactly this question. */
export function allow(
  request: EvaluateToolAccessRequest,
  changes: MessageInitShape<typeof DecisionSchema> = {},
): ScriptedAnswer {
  return decided(request, { outcome: Outcome.ALLOW, message: 'Allowed.', ...changes })
}

/** A DENY with its record. */
export function deny(
  request: EvaluateToolAccessRequest,
  changes: MessageInitShape<typeof DecisionSchema> = {},
): ScriptedAnswer {
  return decided(request, {
    outcome: Outcome.DENY,
    reason: DenyReason.TRUST_INSUFFICIENT,
    code: 'TOOL_TRUST_INSUFFICIENT',
    message: 'The badge has level 1, the tool needs 2.',
    ...changes,
  })
}

/** A gRPC status instead of a decision. */
export function refuse(code: number, message: string, ...details: DetailInit[]): ScriptedAnswer {
  return { kind: 'status', code, message, details }
}

/** Never answers. */
export function hang(): Promise<ScriptedAnswer> {
  return new Promise(() => {})
}

/** The record that a core writes, as the bytes of its leaf. */
export function recordOf(request: EvaluateToolAccessRequest, decision: Decision): Uint8Array {
  const record = {
    'event.name': 'capiscio.tool_invocation',
    'capiscio.agent.did': decision.principal,
    'capiscio.auth.level': 'badge',
    'capiscio.target': request.toolName,
    'capiscio.policy_version': decision.policyVersion,
    'capiscio.decision': decision.outcome === Outcome.ALLOW ? 'ALLOW' : 'DENY',
    'capiscio.tool.params_hash': request.paramsHash,
    ...(decision.code === '' ? {} : { 'capiscio.deny_reason': decision.code }),
    id: decision.evidenceId,
    timestamp: '2026-05-06T10:00:00.000000000Z',
    trust_level: decision.trustLevel ?? 0,
  }
  return new TextEncoder().encode(canonicalize(record) ?? '')
}

function decided(request: EvaluateToolAccessRequest, changes: MessageInitShape<typeof DecisionSchema>): ScriptedAnswer {
  const decision = create(DecisionSchema, {
    authLevel: authLevelOf(request),
    policyVersion: 'none',
    evidenceId: randomUUID(),
    logOrigin: 'evidence.capiscio.local/0123456789abcdef',
    leafIndex: 7n,
    time: timestampFromMs(DECIDED_AT_MS),
    ...changes,
  })
  if (changes.leaf === undefined) decision.leaf = recordOf(request, decision)
  return { kind: 'decision', decision }
}

function authLevelOf(request: EvaluateToolAccessRequest): AuthLevel {
  if (request.credential.case === 'badgeJws') return AuthLevel.BADGE
  return request.credential.case === 'apiKey' ? AuthLevel.API_KEY : AuthLevel.ANONYMOUS
}

export async function startScriptedCore(
  script: Script = allow,
  options: ScriptedCoreOptions = {},
): Promise<ScriptedCore> {
  const server = new Server()
  let cancelled = 0
  let infoCalls = 0
  let alone = 0
  const streams = { opened: 0, open: 0 }
  const core: Pick<ScriptedCore, 'requests' | 'messages' | 'script' | 'info'> = {
    requests: [],
    messages: [],
    script,
    info: { coreVersion: '0.1.0', protoVersion: '1.0', profile: 'dev', ready: true },
  }

  const getServerInfo: handleUnaryCall<unknown, GetServerInfoResponse> = (_call, done) => {
    infoCalls += 1
    done(null, create(GetServerInfoResponseSchema, core.info))
  }
  const evaluateToolAccess: handleUnaryCall<EvaluateToolAccessRequest, Uint8Array> = (call, done) => {
    core.requests.push(call.request)
    alone += 1
    call.on('cancelled', () => {
      cancelled += 1
    })
    Promise.resolve(core.script(call.request)).then((answer) => sendAnswer(answer, done), done)
  }
  const evaluateToolAccessStream: handleBidiStreamingCall<EvaluateToolAccessStreamRequest, Uint8Array> = (call) => {
    const open = new Set<bigint>()
    let isEnding = false
    streams.opened += 1
    streams.open += 1
    const endIfDone = (): void => {
      if (isEnding && open.size === 0) call.end()
    }
    call.on('data', ({ items, cancel }: EvaluateToolAccessStreamRequest) => {
      if (items.length > 0) core.messages.push(items.length)
      for (const id of cancel) if (open.delete(id)) cancelled += 1
      for (const { requestId, request = create(EvaluateToolAccessRequestSchema) } of items) {
        core.requests.push(request)
        open.add(requestId)
        Promise.resolve(core.script(request)).then((answer) => {
          if (!open.delete(requestId)) return
          call.write(answer.kind === 'bytes' ? answer.bytes : toBinary(ANSWER, streamAnswer(requestId, answer)))
          endIfDone()
        })
      }
    })
    call.on('end', () => {
      isEnding = true
      endIfDone()
    })
    call.on('error', () => {})
    call.on('close', () => {
      streams.open -= 1
    })
  }

  if (options.foreign !== true) {
    server.addService(
      {
        ...methodDefinition(CoreService.method.evaluateToolAccess),
        ...methodDefinition(CoreService.method.getServerInfo),
        ...(options.stream !== false && methodDefinition(CoreService.method.evaluateToolAccessStream)),
      },
      {
        GetServerInfo: getServerInfo,
        EvaluateToolAccess: evaluateToolAccess,
        EvaluateToolAccessStream: evaluateToolAccessStream,
      },
    )
  }

  const directory =
    options.over === 'unix' && options.socketPath === undefined
      ? mkdtempSync(join(tmpdir(), 'scripted-core-'))
      : undefined
  const socketPath = options.socketPath ?? (directory === undefined ? undefined : join(directory, 'core.sock'))
  const target = socketPath === undefined ? `127.0.0.1:${options.port ?? 0}` : `unix:${socketPath}`
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(target, options.credentials ?? ServerCredentialsFactory.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })

  return Object.assign(core, {
    address: socketPath === undefined ? `127.0.0.1:${port}` : `unix:${socketPath}`,
    alone: () => alone,
    streams: () => ({ ...streams }),
    cancelled: () => cancelled,
    infoCalls: () => infoCalls,
    dropConnections: () => {
      server.forceShutdown()
    },
    [Symbol.asyncDispose]: async () => {
      server.forceShutdown()
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
    },
  })
}

function sendAnswer(answer: ScriptedAnswer, done: sendUnaryData<Uint8Array>): void {
  if (answer.kind === 'bytes') {
    done(null, answer.bytes)
    return
  }
  if (answer.kind === 'decision') {
    const response = create(
      EvaluateToolAccessResponseSchema,
      answer.decision === undefined ? {} : { decision: answer.decision },
    )
    done(null, toBinary(EvaluateToolAccessResponseSchema, response))
    return
  }
  const metadata = new Metadata()
  if (answer.details !== undefined && answer.details.length > 0) {
    metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, toStatus(answer))))
  }
  done({ code: answer.code, details: answer.message, metadata })
}

/** The same answer as one of a stream. A decision that is none leaves the answer empty. */
export function streamAnswer(
  requestId: bigint,
  answer: Exclude<ScriptedAnswer, { kind: 'bytes' }>,
): MessageShape<typeof ANSWER> {
  const result =
    answer.kind === 'status'
      ? { case: 'error' as const, value: toStatus(answer) }
      : answer.decision && { case: 'decision' as const, value: answer.decision }
  return create(ANSWER, { results: [{ requestId, ...(result && { result }) }] })
}

function toStatus({ code, message, details = [] }: Extract<ScriptedAnswer, { kind: 'status' }>): Status {
  return create(StatusSchema, {
    code,
    message,
    details: details.map((detail) =>
      'retryAfterMs' in detail
        ? anyPack(
            RetryInfoSchema,
            create(RetryInfoSchema, {
              retryDelay: {
                seconds: BigInt(Math.floor(detail.retryAfterMs / 1000)),
                nanos: (detail.retryAfterMs % 1000) * 1_000_000,
              },
            }),
          )
        : anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations: [...detail.fieldViolations] })),
    ),
  })
}

function methodDefinition<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O> | DescMethodBiDiStreaming<I, O>,
): Record<string, MethodShape<MessageShape<I>>> {
  return {
    [method.name]: {
      path: `/${method.parent.typeName}/${method.name}`,
      requestStream: method.methodKind === 'bidi_streaming',
      responseStream: method.methodKind === 'bidi_streaming',
      requestSerialize: () => Buffer.alloc(0),
      requestDeserialize: (bytes) => fromBinary(method.input, bytes),
      // A script may answer bytes that are no message at all.
      responseSerialize: (value) =>
        Buffer.from(value instanceof Uint8Array ? value : toBinary(method.output, value as MessageShape<O>)),
      responseDeserialize: (bytes) => bytes,
    },
  }
}

interface MethodShape<I> {
  readonly path: string
  readonly requestStream: boolean
  readonly responseStream: boolean
  requestSerialize(value: unknown): Buffer
  requestDeserialize(bytes: Buffer): I
  responseSerialize(value: unknown): Buffer
  responseDeserialize(bytes: Buffer): unknown
}
