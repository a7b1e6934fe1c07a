import { systemRandom } from '../adapters/crypto/system-random.ts'
import { createLogger } from '../adapters/telemetry/logger.ts'
import { createMetrics } from '../adapters/telemetry/metrics.ts'
import { createTelemetry } from '../adapters/telemetry/telemetry.ts'
import { systemClock } from '../adapters/time/system-clock.ts'
import { loadConfig } from '../config/load-config.ts'
import { fetchJwks } from '../domain/trust/fetch-jwks.ts'
import { openOutboundHttp } from '../setup/open-outbound-http.ts'
import type { CliIo } from './print.ts'

/**
 * Fetches a key set once, under the rules of every request that leaves: HTTPS, or HTTP on
 * loopback; no redirect; limits in size and time.
 *
 * @throws {SourceUnavailable}
 * @throws {ConfigRefused}
 */
export async function fetchJwksText(
  url: string,
  issuer: string,
  flags: { readonly config?: string },
  { env }: CliIo,
): Promise<string> {
  const { config } = loadConfig({ command: 'serve', flags, env })
  const telemetry = createTelemetry(createLogger({ level: 'silent', pretty: false }), createMetrics())
  await using http = openOutboundHttp({ ...config, clock: systemClock, random: systemRandom, telemetry })
  const { jwks } = await fetchJwks({ issuer, url, http })
  return jwks
}
