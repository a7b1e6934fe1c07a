import { lookup as systemLookup } from 'node:dns/promises'
import type { Socket } from 'node:net'
import type { Clock } from '../../ports/clock.ts'
import type { OutboundHttp, OutboundOutcome, OutboundRequest, OutboundResponse } from '../../ports/outbound-http.ts'
import type { Random } from '../../ports/random.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { exchange } from './exchange.ts'
import { type Dial, openConnection, systemDial } from './open-connection.ts'
import { type BreakerLimits, createOriginBreakers, type Verdict } from './origin-breakers.ts'
import { OutboundFailure } from './outbound-failure.ts'
import { type OutboundTarget, parseOutboundTarget } from './outbound-target.ts'
import { createRequestSlots, type SlotLimits } from './request-slots.ts'
import { createAddressResolver, type Lookup } from './resolve-addresses.ts'
import { parseRetryAfter } from './retry-after.ts'
import { withTimeLimit } from './time-limit.ts'
import { createTrustedRoots } from './trusted-roots.ts'

export interface OutboundLimits {
  /** For name, TCP and TLS together, in milliseconds. */
  readonly connectTimeoutMs: number
  /** For the operator's hosts, and once more for those learned from input: neither keeps the other waiting. */
  readonly slots: SlotLimits
  readonly breaker: BreakerLimits
}

export const OUTBOUND_LIMITS: OutboundLimits = {
  connectTimeoutMs: 5_000,
  slots: { perOrigin: 8, total: 64, waiting: 256 },
  breaker: { failures: 3, firstPauseMs: 1_000, maxPauseMs: 30_000, origins: 1_024 },
}

export interface OutboundHttpOptions {
  readonly clock: Clock
  readonly random: Pick<Random, 'bytes'>
  readonly telemetry: Pick<Telemetry, 'outboundCalled'>
  /** PEM certificates that are trusted beside Node's own. Default: none. */
  readonly ca?: string
  /** Default: `OUTBOUND_LIMITS`. */
  readonly limits?: OutboundLimits
  /** Default: the system's resolver. What it answers is checked, wherever it comes from. */
  readonly lookup?: Lookup
  /** Begins the connection to a checked address. Default: TCP. */
  readonly dial?: Dial
}

/**
 * Makes the guarded HTTP client. Each request has a connection of its own, so that the
 * address and the certificate of each one are checked. Disposing ends what is under way.
 *
 * @throws {SyntaxError} when `ca` is not PEM certificates
 */
export function createOutboundHttp(options: OutboundHttpOptions): OutboundHttp & AsyncDisposable {
  const { clock, random, telemetry, limits = OUTBOUND_LIMITS, dial = systemDial, lookup = lookupAll } = options
  const roots = createTrustedRoots(options.ca)
  const resolve = createAddressResolver(lookup)
  const createLane = () => ({
    slots: createRequestSlots(limits.slots),
    breakers: createOriginBreakers(limits.breaker, clock, random),
  })
  const lanes = { operator: createLane(), input: createLane() }
  const closing = new AbortController()

  function connect(target: OutboundTarget, signal: AbortSignal): Promise<Socket> {
    const timeLimit = {
      timeoutMs: limits.connectTimeoutMs,
      onTimeout: () => new OutboundFailure('timeout', `${target.origin} took no connection in time`),
      signals: [signal],
    }
    return withTimeLimit(timeLimit, async (connecting) => {
      const addresses = await resolve(target)
      return openConnection(target, addresses, { dial, roots, signal: connecting })
    })
  }

  async function attempt(target: OutboundTarget, request: OutboundRequest, signal: AbortSignal) {
    const { slots, breakers } = lanes[request.hostFrom]
    const release = await slots.acquire(target.origin, signal)
    try {
      // Asked when it is this request's turn: the origin may have failed while it waited.
      const verdict = breakers.enter(target.origin)
      try {
        const response = await exchange(await connect(target, signal), target, request, signal)
        judgeAnswer(verdict, response, clock.nowMs())
        return response
      } catch (failure) {
        judgeFailure(verdict, failure)
        throw failure
      }
    } finally {
      release()
    }
  }

  async function ask(request: OutboundRequest): Promise<OutboundResponse> {
    const target = parseOutboundTarget(request.url, request.hostFrom)
    const timeLimit = {
      timeoutMs: request.timeoutMs,
      onTimeout: () => new OutboundFailure('timeout', `${target.origin} gave no complete answer in time`),
      signals: [closing.signal, ...(request.signal === undefined ? [] : [request.signal])],
      onAbort: () => new OutboundFailure('aborted', `The request to ${target.origin} was given up`),
    }
    return withTimeLimit(timeLimit, (signal) => attempt(target, request, signal))
  }

  return {
    async send(request) {
      const startedMs = clock.monotonicMs()
      const { purpose = 'other' } = request
      const ended = (outcome: OutboundOutcome): void => {
        telemetry.outboundCalled({ purpose, outcome, durationMs: clock.monotonicMs() - startedMs })
      }
      try {
        const response = await ask(request)
        ended(outcomeOf(response.status))
        return response
      } catch (failure) {
        ended(failure instanceof OutboundFailure ? failure.outcome : 'broken')
        throw failure
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
    },
  }
}

/** The resolver runs in the threads that also serve files; Node leaves half of them to files. */
const lookupAll: Lookup = async (name) => (await systemLookup(name, { all: true })).map(({ address }) => address)

function outcomeOf(status: number): OutboundOutcome {
  if (status >= 500) return 'server_error'
  return status >= 400 ? 'client_error' : 'success'
}

function judgeAnswer(verdict: Verdict, { status, headers }: OutboundResponse, nowMs: number): void {
  if (status >= 500 || status === 429) verdict.failed(parseRetryAfter(headers.get('retry-after'), nowMs))
  else verdict.succeeded()
}

/** What the origin, or the way to it, is to blame for. */
const FAULTS: ReadonlySet<OutboundOutcome> = new Set(['unresolved', 'unreachable', 'tls', 'timeout', 'broken'])

/** The origin works: one document of it that we do not take must not keep us from its others. */
const NOT_TAKEN: ReadonlySet<OutboundOutcome> = new Set(['redirect', 'too_large', 'encoding'])

function judgeFailure(verdict: Verdict, failure: unknown): void {
  const outcome = failure instanceof OutboundFailure ? failure.outcome : 'aborted'
  if (FAULTS.has(outcome)) verdict.failed(0)
  else if (NOT_TAKEN.has(outcome)) verdict.succeeded()
  else verdict.undecided()
}
