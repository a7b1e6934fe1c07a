/** The environment, as far as the core's configuration goes. Absent and empty variables are the same. */
export interface Environment {
  readonly configFile: string | undefined
  readonly profile: string | undefined
  readonly stateDir: string | undefined
  readonly audience: string | undefined
  readonly evidenceDir: string | undefined
  readonly evidenceMode: string | undefined
  readonly evidenceRetentionDays: string | undefined
  readonly cachePath: string | undefined
  readonly registryEndpoint: string | undefined
  readonly trustStoreKey: string | undefined
  readonly trustStoreIssuer: string | undefined
  readonly trustPath: string | undefined
  readonly enforcementMode: string | undefined
  readonly logLevel: string | undefined
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
  readonly tlsClientCa: string | undefined
  readonly tokenFile: string | undefined
  readonly home: string | undefined
  /** Names that begin with `CAPISCIO_` and mean something that this version does not do. */
  readonly withoutEffect: readonly string[]
  /** Names that begin with `CAPISCIO_` and mean nothing here. */
  readonly unknown: readonly string[]
}

/** Variable that each value is read from, for messages. */
export const ENVIRONMENT_NAMES = {
  configFile: 'CAPISCIO_CONFIG',
  profile: 'CAPISCIO_PROFILE',
  stateDir: 'CAPISCIO_STATE_DIR',
  audience: 'CAPISCIO_AUDIENCE',
  evidenceDir: 'CAPISCIO_EVIDENCE_DIR',
  evidenceMode: 'CAPISCIO_EVIDENCE_MODE',
  evidenceRetentionDays: 'CAPISCIO_EVIDENCE_RETENTION_DAYS',
  cachePath: 'CAPISCIO_CACHE_PATH',
  registryEndpoint: 'CAPISCIO_REGISTRY_ENDPOINT',
  trustStoreKey: 'CAPISCIO_TRUST_STORE_KEY',
  trustStoreIssuer: 'CAPISCIO_TRUST_STORE_ISSUER',
  trustPath: 'CAPISCIO_TRUST_PATH',
  enforcementMode: 'CAPISCIO_ENFORCEMENT_MODE',
  logLevel: 'CAPISCIO_LOG_LEVEL',
  tlsCert: 'CAPISCIO_LISTEN_TLS_CERT',
  tlsKey: 'CAPISCIO_LISTEN_TLS_KEY',
  tlsClientCa: 'CAPISCIO_LISTEN_TLS_CLIENT_CA',
  tokenFile: 'CAPISCIO_CORE_TOKEN_FILE',
  home: 'HOME',
} as const

/** Read by the reference's embedded policy engine and its sender of events, which this core does not have. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'CAPISCIO_BUNDLE_URL',
  'CAPISCIO_BUNDLE_POLL_INTERVAL',
  'CAPISCIO_BUNDLE_MAX_AGE',
  'CAPISCIO_REGISTRY_API_KEY',
])

/** Read by SDKs, by commands for agents and by the registry, which share the environment with the core. */
const OF_OTHERS: ReadonlySet<string> = new Set([
  'CAPISCIO_AGENT_ID',
  'CAPISCIO_AGENT_PRIVATE_KEY_JWK',
  'CAPISCIO_API_KEY',
  'CAPISCIO_BINARY',
  'CAPISCIO_BINARY_PATH',
  'CAPISCIO_CALLER_API_KEY',
  'CAPISCIO_CALLER_BADGE',
  'CAPISCIO_CA_URL',
  'CAPISCIO_CORE_ADDR',
  'CAPISCIO_CORE_TLS_CA',
  'CAPISCIO_CORE_TLS_CERT',
  'CAPISCIO_CORE_TLS_KEY',
  'CAPISCIO_CORE_TLS_SERVER_NAME',
  'CAPISCIO_CORE_TOKEN',
  'CAPISCIO_EXIT_WITH_STDIN',
  'CAPISCIO_REGISTRY_CA_KEY',
  'CAPISCIO_REGISTRY_DATA',
  'CAPISCIO_REGISTRY_DATABASE',
  'CAPISCIO_REGISTRY_ISSUER',
  'CAPISCIO_REGISTRY_LISTEN',
  'CAPISCIO_REGISTRY_TLS_CERT',
  'CAPISCIO_REGISTRY_TLS_KEY',
  'CAPISCIO_REQUIRE_CHECKSUM',
  'CAPISCIO_SERVER_DID',
  'CAPISCIO_SERVER_DOMAIN',
  'CAPISCIO_SERVER_ID',
  'CAPISCIO_SERVER_ORIGIN',
  'CAPISCIO_SERVER_PRIVATE_KEY',
  'CAPISCIO_SERVER_PRIVATE_KEY_PEM',
  'CAPISCIO_SERVER_URL',
])

const OWN: ReadonlySet<string> = new Set(Object.values(ENVIRONMENT_NAMES))

/** Reads the environment into raw values, unchecked. The configuration reads it nowhere else. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  const read = (name: string): string | undefined => {
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    return value === '' ? undefined : value
  }
  const values = Object.fromEntries(Object.entries(ENVIRONMENT_NAMES).map(([field, name]) => [field, read(name)]))
  const present = Object.keys(env)
    .filter((name) => name.startsWith('CAPISCIO_') && read(name) !== undefined && !OWN.has(name))
    .sort()
  return Object.freeze({
    ...(values as Record<keyof typeof ENVIRONMENT_NAMES, string | undefined>),
    withoutEffect: present.filter((name) => WITHOUT_EFFECT.has(name)),
    unknown: present.filter((name) => !WITHOUT_EFFECT.has(name) && !OF_OTHERS.has(name)),
  })
}
