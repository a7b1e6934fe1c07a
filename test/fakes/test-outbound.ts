import { connect } from 'node:net'
import { onTestFinished } from 'vitest'
import { systemDial } from '../../core/src/adapters/http/open-connection.ts'
import { OutboundFailure } from '../../core/src/adapters/http/outbound-failure.ts'
import {
  createOutboundHttp,
  OUTBOUND_LIMITS,
  type OutboundHttpOptions,
  type OutboundLimits,
} from '../../core/src/adapters/http/outbound-http.ts'
import type { OutboundHttp, OutboundOutcome, OutboundRequest } from '../../core/src/ports/outbound-http.ts'
import { createFixedClock, type FixedClock } from './fixed-clock.ts'
import { TEST_CA } from './https-server.ts'

/** An address of the public Internet, which no test connects to. */
export const PUBLIC_ADDRESS = '93.184.216.34'

/** The real client in a world of its own: names, ways and time are the test's. */
export interface TestOutbound {
  readonly http: OutboundHttp & AsyncDisposable
  readonly clock: FixedClock
  /** What names resolve to. A name that is not there does not resolve. */
  readonly names: Map<string, readonly string[]>
  /** Names looked up so far. */
  readonly lookups: readonly string[]
  /** Addresses that a connection was begun to, in order. */
  readonly dialed: readonly string[]
  readonly outcomes: OutboundOutcome[]
  /** How a request ends: its status, or the outcome it fails with. */
  ask(request: Partial<OutboundRequest> & { readonly url: string }): Promise<number | OutboundOutcome>
}

export interface TestOutboundOptions {
  /** Port on loopback that `PUBLIC_ADDRESS` leads to. */
  readonly publicPort?: number
  readonly ca?: string
  readonly limits?: Partial<OutboundLimits>
  readonly dial?: OutboundHttpOptions['dial']
}

export function createTestOutbound(options: TestOutboundOptions = {}): TestOutbound {
  const { publicPort, ca = TEST_CA, limits } = options
  const clock = createFixedClock(Date.UTC(2026, 0, 1))
  const names = new Map<string, readonly string[]>()
  const lookups: string[] = []
  const dialed: string[] = []
  const outcomes: OutboundOutcome[] = []
  const http = createOutboundHttp({
    clock,
    random: { bytes: (length) => new Uint8Array(length).fill(255) },
    telemetry: { outboundCalled: ({ outcome }) => void outcomes.push(outcome) },
    ca,
    limits: { ...OUTBOUND_LIMITS, ...limits },
    async lookup(name) {
      lookups.push(name)
      const addresses = names.get(name)
      if (addresses === undefined) throw new Error(`no such name: ${name}`)
      return addresses
    },
    dial: (at) => {
      dialed.push(...at.addresses)
      if (options.dial !== undefined) return options.dial(at)
      if (at.addresses.includes(PUBLIC_ADDRESS)) {
        if (publicPort === undefined) throw new Error('nothing public in this test')
        return connect(publicPort, '127.0.0.1')
      }
      return systemDial(at)
    },
  })
  onTestFinished(() => http[Symbol.asyncDispose]())
  return {
    http,
    clock,
    names,
    lookups,
    dialed,
    outcomes,
    async ask(request) {
      try {
        return (await http.send({ hostFrom: 'operator', maxBytes: 1024 * 1024, timeoutMs: 5_000, ...request })).status
      } catch (failure) {
        if (!(failure instanceof OutboundFailure)) throw failure
        return failure.outcome
      }
    },
  }
}
