import { createRegistryClient, parseRegistryUrl, type RegistryClient } from '@capiscio/proto/registry'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemRandom } from '../adapters/crypto/system-random.ts'
import { createLogger } from '../adapters/telemetry/logger.ts'
import { createMetrics } from '../adapters/telemetry/metrics.ts'
import { createTelemetry } from '../adapters/telemetry/telemetry.ts'
import { systemClock } from '../adapters/time/system-clock.ts'
import { OriginRefused, parseHttpsOrigin } from '../lib/https-origin.ts'
import { sendThrough } from '../service/registry-clients.ts'
import { openOutboundHttp } from '../setup/open-outbound-http.ts'
import type { CliIo } from './print.ts'
import { InputRefused } from './read-input.ts'

/** Which registry a command asks, and as whom. */
export interface RegistryAccessFlags {
  readonly ca?: string
  readonly issuer?: string
  readonly apiKey?: string
  readonly caFile?: string
}

/** The flags that every command has which asks a registry. */
export function registryOptions(command: Command): Command {
  return command
    .option('--ca <url>', 'where the registry is (default: CAPISCIO_CA_URL, CAPISCIO_SERVER_URL)', parseUrl)
    .option('--issuer <origin>', 'what its badges name as issuer, where that is not the origin of --ca', parseIssuer)
    .addOption(new Option('--api-key <key>', 'API key of the account; others can see flags: set CAPISCIO_API_KEY'))
    .option('--ca-file <file>', 'PEM certificates to verify the registry with, besides the usual ones')
}

/** A client of the registry that the flags and the environment name. Dispose it. */
export interface OpenRegistryClient extends AsyncDisposable {
  readonly client: RegistryClient
  readonly url: string
  readonly issuer: string
}

/** @throws {InputRefused} saying what to set; there is no registry that is asked by default */
export function openRegistryClient(flags: RegistryAccessFlags, { env }: CliIo): OpenRegistryClient {
  const url = flags.ca ?? fromEnvironment(env)
  const issuer = flags.issuer ?? new URL(url).origin
  const apiKey = flags.apiKey ?? (env.CAPISCIO_API_KEY || undefined)
  if (apiKey !== undefined && !/^[!-~]{1,512}$/.test(apiKey)) {
    throw new InputRefused('The API key holds characters that no API key has: set CAPISCIO_API_KEY to the key alone')
  }
  const telemetry = createTelemetry(createLogger({ level: 'silent', pretty: false }), createMetrics())
  const outbound = flags.caFile === undefined ? {} : { caFile: flags.caFile }
  const options = { clock: systemClock, random: systemRandom, telemetry }
  const http = openOutboundHttp({ profile: 'connected-prod', outbound, ...options })
  return {
    ...{ url, issuer },
    client: createRegistryClient({
      ...{ url, issuer, apiKey },
      send: sendThrough(http),
      nowMs: systemClock.nowMs,
      uuid: systemRandom.uuid,
    }),
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  }
}

function fromEnvironment(env: CliIo['env']): string {
  const name = env.CAPISCIO_CA_URL ? 'CAPISCIO_CA_URL' : 'CAPISCIO_SERVER_URL'
  const text = env[name]
  if (text === undefined || text === '') {
    throw new InputRefused('No registry is named: give --ca https://registry.example.com, or set CAPISCIO_CA_URL')
  }
  try {
    return parseRegistryUrl(text, name)
  } catch (cause) {
    throw new InputRefused(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

function parseUrl(text: string): string {
  try {
    return parseRegistryUrl(text, 'It')
  } catch (cause) {
    throw new InvalidArgumentError(cause instanceof Error ? cause.message : String(cause))
  }
}

function parseIssuer(text: string): string {
  try {
    return parseHttpsOrigin(text)
  } catch (cause) {
    if (cause instanceof OriginRefused) throw new InvalidArgumentError(cause.message)
    throw cause
  }
}
