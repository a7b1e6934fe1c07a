import type { LogLevel, TcpAddress, TlsConfig } from './config.ts'

/** The decided configuration of a registry. */
export interface RegistryConfig {
  /** HTTPS origin that badges name as `iss`. Absent: the one that the registry was made with. */
  readonly issuer?: string
  readonly listen: TcpAddress
  /** Home of everything below, unless it is put elsewhere. */
  readonly dataDir: string
  /** SQLite file. */
  readonly databaseFile: string
  /** A private JWK that must be among the registry's keys, and that `init` takes over. */
  readonly caKeyFile?: string
  /** Absent: plaintext HTTP. */
  readonly tls?: TlsConfig
  /** Plaintext beyond loopback is allowed. */
  readonly insecure: boolean
  /** A proxy in front says in `X-Forwarded-For` who the client is. */
  readonly behindProxy: boolean
  /** Refuse requests for badges without `mode`. */
  readonly requireMode: boolean
  /** Badges for one subject in one hour. */
  readonly badgesPerHour: number
  readonly shutdownGraceMs: number
  readonly logLevel: LogLevel
  readonly logFile?: string
}

/** Flags of the registry's commands, as given. */
export interface RegistryFlags {
  readonly listen?: string
  readonly issuer?: string
  readonly data?: string
  readonly database?: string
  readonly caKey?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly insecure?: boolean
  readonly behindProxy?: boolean
  readonly requireMode?: boolean
  readonly badgesPerHour?: string
  readonly logLevel?: string
  readonly logFile?: string
}
