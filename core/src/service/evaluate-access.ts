import { EvidenceOverloaded } from '../domain/evidence/evidence-errors.ts'
import type { AccessRequest } from '../domain/guard/access-request.ts'
import type { Decision } from '../domain/guard/decision.ts'
import type { Authentication, ToolGuard } from '../domain/guard/tool-guard.ts'
import { RpcFault } from './rpc-fault.ts'

/** When too many decisions wait, a caller does well to pause this long. */
const OVERLOAD_RETRY_MS = 250

/** Decides one request, for every service that offers decisions. */
export type EvaluateAccess = (request: AccessRequest) => Promise<Decision>

/** Tells who calls before any tool is named. */
export type AuthenticateAccess = (request: AccessRequest) => Promise<Authentication>

/** The guard as services call it: overload becomes a status that says when to try again. */
export function createEvaluateAccess(guard: Pick<ToolGuard, 'evaluate'>): EvaluateAccess {
  return (request) => guard.evaluate(request).catch(toStatus)
}

/** The same for a caller without a tool. */
export function createAuthenticateAccess(guard: Pick<ToolGuard, 'authenticate'>): AuthenticateAccess {
  return (request) => guard.authenticate(request).catch(toStatus)
}

function toStatus(thrown: unknown): never {
  if (!(thrown instanceof EvidenceOverloaded)) throw thrown
  throw new RpcFault('UNAVAILABLE', 'Too many decisions are waiting to be recorded. Try again later.', {
    cause: thrown,
    retryAfterMs: OVERLOAD_RETRY_MS,
  })
}
