import { readFileSync } from 'node:fs'
import { createOutboundHttp, type OutboundHttpOptions } from '../adapters/http/outbound-http.ts'
import type { Config } from '../config/config.ts'
import type { OutboundHttp } from '../ports/outbound-http.ts'
import { SourceUnavailable } from '../ports/source-unavailable.ts'
import { StartRefused } from '../start-refused.ts'

/** What a core and a command need of the configuration to reach out. */
export type OutboundSetup = Pick<OutboundHttpOptions, 'clock' | 'random' | 'telemetry'> &
  Pick<Config, 'profile' | 'outbound'>

/**
 * The one place where the way out is opened, for the core and for commands. Profile
 * `air-gapped` has none: every request is refused before anything is looked up.
 *
 * @throws {StartRefused} when the file with certificates cannot be read or holds none
 */
export function openOutboundHttp(setup: OutboundSetup): OutboundHttp & AsyncDisposable {
  const { profile, outbound, clock, random, telemetry } = setup
  // Named one by one: a whole configuration has members of the same names with other meanings.
  const options = { clock, random, telemetry }
  if (profile === 'air-gapped') return NO_WAY_OUT
  const { caFile } = outbound
  if (caFile === undefined) return createOutboundHttp(options)
  try {
    return createOutboundHttp({ ...options, ca: readFileSync(caFile, 'utf8') })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StartRefused(`The certificates of outbound.caFile, ${caFile}, cannot be used: ${reason}`, { cause })
  }
}

const NO_WAY_OUT: OutboundHttp & AsyncDisposable = {
  send: async () => {
    throw new SourceUnavailable('Profile air-gapped reaches no network')
  },
  [Symbol.asyncDispose]: async () => undefined,
}
