import { join, resolve } from 'node:path'
import { OriginRefused, parseHttpsOrigin } from '../lib/https-origin.ts'
import { LOG_LEVELS, type LogLevel, type TcpAddress, type TlsConfig } from './config.ts'
import { DEFAULT_ORIGIN } from './config-origin.ts'
import { ConfigRefused } from './config-refused.ts'
import { type ConfigWarning, createDecisions, type Decisions, fromEnv, fromFlag } from './decisions.ts'
import { parseFilePath } from './file-path.ts'
import { isLoopback, parseTcpAddress } from './listen-address.ts'
import { oneOf } from './one-of.ts'
import type { RegistryConfig, RegistryFlags } from './registry-config.ts'
import { ValueRefused } from './value-refused.ts'

/** Variables that a registry reads; of two, ours hides that of the hosted registry. */
const REGISTRY_ENVIRONMENT = {
  listen: ['CAPISCIO_REGISTRY_LISTEN', 'PORT'],
  issuer: ['CAPISCIO_REGISTRY_ISSUER', 'CA_ISSUER_URL'],
  data: ['CAPISCIO_REGISTRY_DATA'],
  database: ['CAPISCIO_REGISTRY_DATABASE', 'DATABASE_URL'],
  caKey: ['CAPISCIO_REGISTRY_CA_KEY', 'CA_KEY_PATH'],
  tlsCert: ['CAPISCIO_REGISTRY_TLS_CERT'],
  tlsKey: ['CAPISCIO_REGISTRY_TLS_KEY'],
  logLevel: ['CAPISCIO_LOG_LEVEL'],
} as const

const DEFAULT_LISTEN: TcpAddress = { host: '127.0.0.1', port: 8787 }
const DEFAULT_BADGES_PER_HOUR = '100'
const GRACE_MS = 10_000

export interface RegistrySources {
  readonly flags: RegistryFlags
  readonly env: Readonly<Record<string, string | undefined>>
  /** Working folder, absolute. */
  readonly cwd: string
}

/**
 * Decides the configuration of a registry: defaults, hidden by the environment, by flags.
 *
 * @throws {ConfigRefused} with every problem
 */
export function decideRegistry({ flags, env, cwd }: RegistrySources): {
  readonly config: RegistryConfig
  readonly warnings: readonly ConfigWarning[]
} {
  const decisions = createDecisions(cwd)
  const home = env.HOME === undefined || env.HOME === '' ? undefined : resolve(cwd, env.HOME)
  const path = (text: string, base: string): string => parseFilePath(text, base, home)
  const sources = (name: keyof typeof REGISTRY_ENVIRONMENT, flag: string, value: string | undefined) => [
    fromFlag(flag, value),
    ...REGISTRY_ENVIRONMENT[name].map((variable) =>
      fromEnv(variable, env[variable] === '' ? undefined : env[variable]),
    ),
  ]

  const listen = decisions.pick(
    'listen',
    sources('listen', '--listen', flags.listen),
    parseListen,
    () => DEFAULT_LISTEN,
  )
  const issuer = decisions.pick<string, string | undefined>(
    'issuer',
    sources('issuer', '--issuer', flags.issuer),
    parseIssuer,
    () => undefined,
  )
  const dataDir = decisions.pick('data', sources('data', '--data', flags.data), path, () =>
    defaultDataDir(decisions, env, cwd, home),
  )
  const databaseFile = decisions.pick(
    'database',
    sources('database', '--database', flags.database),
    (text, base) => parseDatabase(text, base, home),
    () => join(dataDir, 'registry.db'),
  )
  const optionalFile = (name: 'caKey' | 'tlsCert' | 'tlsKey', flag: string): string | undefined =>
    decisions.pick<string, string | undefined>(name, sources(name, flag, flags[name]), path, () => undefined)
  const caKeyFile = optionalFile('caKey', '--ca-key')
  const certFile = optionalFile('tlsCert', '--tls-cert')
  const keyFile = optionalFile('tlsKey', '--tls-key')
  const tls: TlsConfig | undefined =
    certFile === undefined || keyFile === undefined
      ? undefined
      : { certFile, keyFile, clientCertificates: 'required', minVersion: 'TLSv1.2' }
  if (tls === undefined && (certFile !== undefined || keyFile !== undefined)) {
    const origin = decisions.originOf(certFile === undefined ? 'tlsKey' : 'tlsCert')
    decisions.refuse('CONFLICT', origin, 'TLS needs a certificate and its key: give both --tls-cert and --tls-key')
  }
  const badgesPerHour = decisions.pick(
    'badgesPerHour',
    [fromFlag('--badges-per-hour', flags.badgesPerHour)],
    parseCount,
    () => Number(DEFAULT_BADGES_PER_HOUR),
  )
  const logLevel = decisions.pick<string, LogLevel>(
    'logLevel',
    sources('logLevel', '--log-level', flags.logLevel),
    (text) => oneOf(LOG_LEVELS, text.toLowerCase()),
    () => 'info',
  )
  const logFile = decisions.pick<string, string | undefined>(
    'logFile',
    [fromFlag('--log-file', flags.logFile)],
    path,
    () => undefined,
  )
  const insecure = flags.insecure === true
  if (!isLoopback(listen) && tls === undefined) {
    if (insecure) {
      decisions.warn('listen', 'Badges and API keys cross the network in plaintext: whoever sees them can use them')
    } else {
      const reason =
        'Plaintext is for loopback: give --tls-cert and --tls-key, listen on 127.0.0.1 behind a proxy with TLS, or give --insecure'
      decisions.refuse('VALUE_INVALID', decisions.originOf('listen'), reason)
    }
  }
  if (decisions.problems.length > 0) throw new ConfigRefused(decisions.problems)
  const config: RegistryConfig = Object.freeze({
    ...(issuer !== undefined && { issuer }),
    listen,
    dataDir,
    databaseFile,
    ...(caKeyFile !== undefined && { caKeyFile }),
    ...(tls !== undefined && { tls }),
    insecure,
    behindProxy: flags.behindProxy === true,
    requireMode: flags.requireMode === true,
    badgesPerHour,
    shutdownGraceMs: GRACE_MS,
    logLevel,
    ...(logFile !== undefined && { logFile }),
  })
  return { config, warnings: decisions.warnings }
}

/** `HOST:PORT`, or a port alone as the hosted registry has it, which is on loopback here. */
function parseListen(text: string): TcpAddress {
  return parseTcpAddress(/^[0-9]+$/.test(text) ? `${DEFAULT_LISTEN.host}:${text}` : text)
}

function parseIssuer(text: string): string {
  try {
    const origin = parseHttpsOrigin(text)
    const { hostname } = new URL(origin)
    if (/^\[|^[0-9.]+$/.test(hostname) || !hostname.includes('.')) {
      throw new ValueRefused('The issuer stands in did:web names, so it needs a host name with a dot, not an address')
    }
    return origin
  } catch (cause) {
    if (cause instanceof OriginRefused) throw new ValueRefused(cause.message)
    throw cause
  }
}

function parseDatabase(text: string, base: string, home: string | undefined): string {
  if (/^postgres(?:ql)?:/i.test(text)) {
    throw new ValueRefused(
      'PostgreSQL is not built in: name a file for SQLite, such as registry.db or sqlite:///var/lib/registry.db',
    )
  }
  const written = text.replace(/^(?:sqlite|file):(?:\/\/(?=\/))?/, '')
  if (/^[a-z][a-z0-9+.-]*:/i.test(written)) throw new ValueRefused('The database is a file for SQLite: write its path')
  return parseFilePath(written, base, home)
}

function parseCount(text: string): number {
  if (/^[1-9][0-9]{0,6}$/.test(text)) return Number(text)
  throw new ValueRefused('Write a whole number from 1 to 9999999')
}

function defaultDataDir(
  decisions: Decisions,
  env: RegistrySources['env'],
  cwd: string,
  home: string | undefined,
): string {
  const stateDir = env.CAPISCIO_STATE_DIR
  if (stateDir !== undefined && stateDir !== '') return join(parseFilePath(stateDir, cwd, home), 'registry')
  if (home !== undefined) return join(home, '.capiscio', 'core', 'registry')
  decisions.refuse('VALUE_INVALID', DEFAULT_ORIGIN, 'HOME is not set: set it, or give --data')
  return join('/', 'registry')
}
