import { create } from '@bufbuild/protobuf'
import type { EvaluateToolAccessRequest } from '@capiscio/proto/core/v1'
import { EvaluateToolAccessRequestSchema } from '@capiscio/proto/core/v1'
import type { DecidedGuardConfig, ToolAccess } from '@capiscio/proto/sdk'
import {
  CapiscioError,
  CoreFaultError,
  CoreTimeoutError,
  decodeDecision,
  redactSecrets,
  startBudget,
  withLimits,
} from '@capiscio/proto/sdk'
import { throwIfAborted } from './abort-signal.ts'
import type { CallerCredential } from './caller-credential.ts'
import { resolveSecret } from './caller-credential.ts'
import type { CoreClient } from './client.ts'
import { DEFAULT_TIMEOUT_MS } from './client.ts'
import { SDK_VERSION } from './version.ts'

/** A client that keeps its own deadline knows best what it waited for: let it speak first. */
const BACKSTOP_GRACE_MS = 100

/** Version 00 has 55. */
const MAX_TRACEPARENT_CHARACTERS = 64

/** One complete question. Everything in it was taken from the caller before the first `await`. */
export interface Question {
  readonly toolName: string
  readonly paramsHash: string
  readonly credential: CallerCredential | undefined
  readonly serverOrigin: string | undefined
  readonly config: DecidedGuardConfig | undefined
  readonly signal: AbortSignal | undefined
  /** W3C trace context, from whoever calls; anything but a fitting text is left out. */
  readonly traceparent?: unknown
  readonly timeoutMs: number | undefined
  readonly client: CoreClient
}

/**
 * Asks the core once and reads its answer.
 *
 * @throws CapiscioError when there is no answer. The tool must not run then.
 */
export async function askCore(question: Question): Promise<ToolAccess> {
  const { client, signal } = question
  const timeoutMs = question.timeoutMs ?? client.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const budget = startBudget(timeoutMs)
  const timeout = (waitedFor: string) => (): Error =>
    new CoreTimeoutError(
      `${waitedFor} took longer than ${timeoutMs} ms; the tool was not run. Raise timeoutMs if that is normal.`,
    )

  throwIfAborted(signal)
  const secret =
    question.credential === undefined
      ? undefined
      : await withLimits(resolveSecret(question.credential), { signal, timeoutMs }, timeout('The badge callback'))
  const secrets = secret === undefined ? [] : [secret]
  const remainingMs = budget.remainingMs()
  const answer = askClient(client, toRequest(question, secret), { signal, timeoutMs: remainingMs }, secrets)
  const response = await withLimits(
    answer,
    { signal, timeoutMs: remainingMs + BACKSTOP_GRACE_MS },
    timeout('The answer of the core'),
  )
  return decodeDecision(response.decision, question, secrets)
}

async function askClient(
  client: CoreClient,
  request: EvaluateToolAccessRequest,
  options: { signal: AbortSignal | undefined; timeoutMs: number },
  secrets: readonly string[],
): Promise<Awaited<ReturnType<CoreClient['evaluateToolAccess']>>> {
  try {
    return await client.evaluateToolAccess(request, options)
  } catch (error) {
    if (error instanceof CapiscioError) throw error
    // A foreign client's error may quote the request; its text is kept, its object is not.
    const text = redactSecrets(error instanceof Error ? error.message : String(error), secrets)
    throw new CoreFaultError(`The client failed, so there is no decision and the tool was not run: ${text}`)
  }
}

/** A trace context must not keep a tool from running, so one that is too long is not sent. */
function fittingTraceparent(value: unknown): string {
  return typeof value === 'string' && value.length <= MAX_TRACEPARENT_CHARACTERS ? value : ''
}

/** The message that asks a question. */
export function toRequest(question: Omit<Question, 'client'>, secret: string | undefined): EvaluateToolAccessRequest {
  const { config, credential } = question
  return create(EvaluateToolAccessRequestSchema, {
    toolName: question.toolName,
    paramsHash: question.paramsHash,
    serverOrigin: question.serverOrigin ?? '',
    traceparent: fittingTraceparent(question.traceparent),
    ...(credential !== undefined && secret !== undefined
      ? { credential: { case: credential.kind === 'badge' ? 'badgeJws' : 'apiKey', value: secret } }
      : {}),
    ...(config !== undefined
      ? { config: config.message, policyVersion: config.policyVersion, enforcementMode: config.enforcementMode }
      : {}),
    sdk: `@capiscio/mcp/${SDK_VERSION}`,
  })
}
