/** Where a core is used, which decides what it may be lenient about (RFC-002 deployment profiles). */
export type Profile = 'dev' | 'connected-prod' | 'air-gapped'

/** How strictly authority envelopes and policy decision points are enforced (RFC-008), loosest first. */
export const ENFORCEMENT_MODES = ['EM-OBSERVE', 'EM-GUARD', 'EM-DELEGATE', 'EM-STRICT'] as const

export type EnforcementMode = (typeof ENFORCEMENT_MODES)[number]

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

/** The decided configuration of a core: complete, checked, frozen. Paths are absolute. Holds no secret. */
export interface Config {
  readonly profile: Profile
  readonly listen: ListenConfig
  readonly web: WebConfig
  /** A taken TCP port is replaced by a free one instead of an error. Only in profile dev. */
  readonly portFallback: boolean
  /** Plaintext listeners beyond loopback are allowed. */
  readonly insecure: boolean
  /** Home of log keys, anchors and tokens. Never inside the evidence. */
  readonly stateDir: string
  readonly evidence: EvidenceConfig
  readonly trust: TrustConfig
  readonly outbound: OutboundConfig
  /** Absent means no floor: every tool, every caller. */
  readonly policyFile?: string
  /** Callers without a badge. The hashes are no secret, yet masked in output. */
  readonly apiKeys: readonly ApiKeyConfig[]
  readonly enforcementMode: Exclude<EnforcementMode, 'EM-OBSERVE'>
  readonly limits: LimitsConfig
  /** Time from the request to stop to the end of the process, in milliseconds. */
  readonly shutdownGraceMs: number
  readonly logLevel: LogLevel
  /** Absent means standard error. */
  readonly logFile?: string
}

/** Each listener is absent when it is off. At least one of `tcp` and `socket` is there. */
export interface ListenConfig {
  /** gRPC. */
  readonly tcp?: TcpAddress
  /** gRPC: path of a Unix socket, at most 107 bytes. */
  readonly socket?: string
  /** Web listener. */
  readonly http?: TcpAddress
  /** For `tcp` and `http`. Absent means plaintext. */
  readonly tls?: TlsConfig
  /** File with the tokens of which callers over `tcp` and `http` must show one. Absent means that none is wanted. */
  readonly tokenFile?: string
}

/** The files are followed as they change. */
export interface TlsConfig {
  /** PEM: the certificate, then those between it and its authority. */
  readonly certFile: string
  /** PEM without a passphrase. */
  readonly keyFile: string
  /** PEM: authorities whose clients are let in. Absent means that clients need no certificate. */
  readonly clientCaFile?: string
  /** What becomes of clients without a certificate where `clientCaFile` is given. */
  readonly clientCertificates: 'required' | 'optional'
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
}

/** Who may use the web listener. */
export interface WebConfig {
  /** Origins whose pages may call the core from a browser, each once. Empty means none. */
  readonly allowedOrigins: readonly string[]
}

export interface TcpAddress {
  /** IPv4, IPv6 without brackets, or a name. */
  readonly host: string
  /** 0 means any free port. */
  readonly port: number
}

/** Evidence logs under a root, of which this core takes a free one, or exactly one log. */
export type EvidenceConfig = EvidencePlace & {
  /** Records are kept on this machine; delivery elsewhere is not available. */
  readonly mode: 'local'
  /** 0 means for ever. */
  readonly retentionDays: number
  /** Starts a new log where one was before and is gone. */
  readonly startEmpty: boolean
  /** Every entry is verified before the core serves, not only the end of the log. */
  readonly verifyAtStart: boolean
  /** Files with one signed checkpoint each, which the log must extend. Only for exactly one log. */
  readonly anchorFiles: readonly string[]
  /** Folder that gets a copy of each published checkpoint, one file for each log. */
  readonly anchorTo?: string
}

export type EvidencePlace =
  | { readonly root: string; readonly directory?: never }
  | { readonly directory: string; readonly root?: never }

export interface TrustConfig {
  /** Issuers of level 1 to 4 badges, each once. Empty means that such badges are denied. */
  readonly issuers: readonly TrustedIssuerConfig[]
  /** Any self-signed badge can be accepted, if the request agrees. Only in profile dev. */
  readonly acceptLevelZero: boolean
  /** Badges without `key` are denied. `false` only in profile dev. */
  readonly requireKey: boolean
  /** Badges whose header has no `typ` are read. Only in profile dev. */
  readonly allowMissingTyp: boolean
  /** Badges may be signed with ES256, by issuers that publish P-256 keys. */
  readonly allowEs256: boolean
  /** did:keys whose self-signed badges can be accepted. */
  readonly levelZeroKeys: readonly string[]
  /** The core's own identifiers, which a badge with an audience must name one of. */
  readonly audience: readonly string[]
  /** Folder of pinned keys, which count beside those named here. Absent means that there is none. */
  readonly storePath?: string
  /** Badges without an audience are denied. */
  readonly requireAudience: boolean
  readonly clockSkewSeconds: number
  readonly revocation: RevocationConfig
  /** File of the operator's own revocations, one JSON object per line. It need not exist. */
  readonly localRevocations: string
  /** Age up to which fetched keys of an issuer are used while it cannot be reached. */
  readonly jwksMaxStaleSeconds: number
}

/** How the core reaches issuers, registries and hosts of DIDs. */
export interface OutboundConfig {
  /** PEM certificates that servers may be verified with, beside those that Node trusts. */
  readonly caFile?: string
}

/** How it is learned whether badges were revoked and their subjects are active (badges.md §9). */
export interface RevocationConfig {
  /**
   * `online`, `hybrid` or `offline` for every issuer. `fixture`, in profile dev only: issuers
   * without `apiUrl` and `snapshotFile` are not asked, the others as in `hybrid` and `offline`.
   */
  readonly mode: 'online' | 'hybrid' | 'offline' | 'fixture'
  readonly syncIntervalSeconds: number
  /** How long a live answer that is good counts. 0 asks for every decision. */
  readonly statusMaxAgeSeconds: number
  /** Oldest knowledge that counts as fresh. Above 300 only in profile air-gapped. */
  readonly maxStalenessSeconds: number
  /** What becomes of a level 1 badge about which nothing fresh is known, outside mode `online`. */
  readonly staleAtLevelOne: 'accept' | 'deny'
  /** Badges pass although nothing fresh is known. Only in profile dev. */
  readonly failOpen: boolean
  /** Where lists of revocations survive a restart. */
  readonly cacheDir: string
}

/** One issuer and the one place where its keys come from. When none is written, that is the issuer's published set. */
export type TrustedIssuerConfig = {
  /** HTTPS origin that badges name in `iss`. */
  readonly issuer: string
  /** Where the issuer's API is reached. Absent means at the issuer's origin. */
  readonly apiUrl?: string
  /** Where DID documents of the issuer's namespace are reached. Absent means at the issuer's origin. */
  readonly didNamespaceUrl?: string
  /** File that says what was revoked, in the place of the issuer. Only in modes `offline` and `fixture`. */
  readonly snapshotFile?: string
} & (
  | { readonly jwksFile: string; readonly jwksUrl?: never; readonly keys?: never }
  | { readonly jwksUrl: string; readonly jwksFile?: never; readonly keys?: never }
  | { readonly keys: JwkSet; readonly jwksFile?: never; readonly jwksUrl?: never }
)

/** A JWKS with public Ed25519 keys, and P-256 keys where ES256 is allowed. */
export interface JwkSet {
  readonly keys: readonly Readonly<Record<string, unknown>>[]
}

export interface ApiKeyConfig {
  readonly name: string
  /** `sha256:` + base64url of the SHA-256 of the key. */
  readonly hash: string
}

export interface LimitsConfig {
  readonly maxMessageBytes: number
  /** Decisions that may wait for the evidence log at one time. */
  readonly maxWaitingDecisions: number
  /** Per connection. */
  readonly maxConcurrentStreams: number
  readonly maxConnections: number
  readonly badgeCacheEntries: number
  readonly badgeCacheBytes: number
}
