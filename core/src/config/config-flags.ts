/** The commands that run a core, which differ in a few defaults. */
export type CoreCommand = 'serve' | 'rpc' | 'dev'

/** Values of command line flags, as given. Absent means that the flag was not given. */
export interface ConfigFlags {
  /** `--config FILE` */
  readonly config?: string
  /** `--profile NAME` */
  readonly profile?: string
  /** `--listen HOST:PORT`, also `unix:/PATH` */
  readonly listen?: string
  /** `--address HOST:PORT`, the name that `rpc` has for `--listen` */
  readonly address?: string
  /** `--socket PATH` */
  readonly socket?: string
  /** `--http HOST:PORT`, or `none` */
  readonly http?: string
  /** `--allow-origin ORIGIN…` */
  readonly allowOrigin?: readonly string[]
  /** `--tls-cert FILE` */
  readonly tlsCert?: string
  /** `--tls-key FILE` */
  readonly tlsKey?: string
  /** `--tls-client-ca FILE` */
  readonly tlsClientCa?: string
  /** `--token-file FILE` */
  readonly tokenFile?: string
  /** `--insecure` */
  readonly insecure?: boolean
  /** `--state-dir DIR` */
  readonly stateDir?: string
  /** `--evidence-log DIR` */
  readonly evidenceLog?: string
  /** `--trust-store DIR` */
  readonly trustStore?: string
  /** `--policy FILE` */
  readonly policy?: string
  /** `--log-level LEVEL` */
  readonly logLevel?: string
  /** `--log-file FILE` */
  readonly logFile?: string
}
