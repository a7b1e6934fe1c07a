import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { inspect } from 'node:util'
import type { BadgeKeeper } from '@capiscio/proto/registry'
import { readOptions } from '@capiscio/proto/sdk'
import type { ServerIdentityOptions } from '../mcp/server-identity.ts'
import { type KeeperTime, keepWith } from './keep-badge.ts'
import { openKeyFolder } from './key-folder.ts'
import { registerWith, requireServerId, type ServerRegistration } from './register-server-identity.ts'
import { openRegistry, REGISTRY_OPTION_NAMES, type RegistryOptions } from './registry-options.ts'

/** Options of `ServerIdentity.connect`. */
export interface ConnectServerIdentityOptions extends RegistryOptions {
  /** Id of the server's record at the registry. */
  readonly serverId: string
  /** Folder of the key. Default: `~/.capiscio/mcp-servers/<serverId>`. */
  readonly keysDir?: string | undefined
  /** The private key, PEM (PKCS#8), where the folder has none. It is written there. */
  readonly privateKeyPem?: string | undefined
  /** Make the record if the registry has none. Default false. */
  readonly create?: boolean | undefined
  /** With `create`: what the record is called. Default: its id. */
  readonly name?: string | undefined
  /** Keep a badge. Default true. */
  readonly autoBadge?: boolean | undefined
  /** Prove possession of the key for each badge: IAL-1. Default true. */
  readonly proveBadge?: boolean | undefined
  /** Seconds that a badge lives, 60 to 3600. Default: up to the registry. */
  readonly ttlSeconds?: number | undefined
  /** Who may accept the badge. Default: everybody. */
  readonly audience?: readonly string[] | undefined
  /** For registries that ask for it. */
  readonly domain?: string | undefined
  /** Seconds before its end at which a badge is renewed. Default: a third of its life, at most 60. */
  readonly renewBeforeSeconds?: number | undefined
  /** Milliseconds that `connect` waits for the first badge. Default 10 000. */
  readonly badgeTimeoutMs?: number | undefined
  /** Time, for tests. Default: that of this process. */
  readonly time?: KeeperTime | undefined
}

/** What `connect` did. */
export interface ServerIdentityStatus {
  /** Where the private key came from. */
  readonly key: 'made' | 'given' | 'kept'
  readonly registration: ServerRegistration['status']
  /** Whether the registry saw a proof of possession. */
  readonly proven: boolean
  /** `pending`: there was none yet, and it is still asked for. */
  readonly badge: 'issued' | 'pending' | 'off'
  /** Why the badge is pending. */
  readonly badgeError: Error | undefined
}

const NAMES = [
  ...REGISTRY_OPTION_NAMES,
  ...['serverId', 'keysDir', 'privateKeyPem', 'create', 'name', 'autoBadge', 'proveBadge', 'ttlSeconds', 'audience'],
  ...['domain', 'renewBeforeSeconds', 'badgeTimeoutMs', 'time'],
]

/** The environment variables that `fromEnv` reads, besides those of `RegistryOptions`. */
const ENVIRONMENT = {
  serverId: 'CAPISCIO_SERVER_ID',
  apiKey: 'CAPISCIO_API_KEY',
  domain: 'CAPISCIO_SERVER_DOMAIN',
  privateKeyPem: 'CAPISCIO_SERVER_PRIVATE_KEY_PEM',
} as const

/** Makes instances only here: an identity that was not registered is none. */
const MADE_HERE = Symbol('made by connect')

/**
 * A server's identity: its key, its registration, and a badge that is kept fresh.
 *
 * ```ts
 * await using identity = await ServerIdentity.fromEnv()
 * protectServer(server, { identity: identity.disclosure({ origin: 'https://mcp.example.com' }) })
 * ```
 */
export class ServerIdentity implements AsyncDisposable {
  /** Id of the server's record at the registry. */
  readonly serverId: string
  /** did:key of its key. */
  readonly did: string
  /** The registry. */
  readonly caUrl: string
  /** Folder of its key, absolute. */
  readonly keysDir: string
  /** Account that the server belongs to; undefined where the registry does not say. */
  readonly orgId: string | undefined
  /** What `connect` did. */
  readonly status: ServerIdentityStatus
  /** Keeps the badge. Undefined with `autoBadge: false`. */
  readonly keeper: BadgeKeeper | undefined
  readonly #privateKeyPem: string

  private constructor(
    made: typeof MADE_HERE,
    facts: Pick<ServerIdentity, 'serverId' | 'did' | 'caUrl' | 'keysDir' | 'orgId' | 'status' | 'keeper'>,
    privateKeyPem: string,
  ) {
    if (made !== MADE_HERE) throw new TypeError('Use ServerIdentity.connect.')
    this.serverId = facts.serverId
    this.did = facts.did
    this.caUrl = facts.caUrl
    this.keysDir = facts.keysDir
    this.orgId = facts.orgId
    this.status = facts.status
    // What is held is not part of what is printed.
    Object.defineProperty(this, 'keeper', { value: facts.keeper, enumerable: false })
    this.#privateKeyPem = privateKeyPem
  }

  /**
   * Opens or makes the key, registers it with a proof of possession, and starts to keep a badge.
   * The key is on disk before the registry hears of it; after a crash anywhere, the next call
   * completes what was begun. The environment is not changed.
   *
   * @throws TypeError for wrong options, and when no registry is named.
   * @throws KeyGenerationError when the key cannot be made, written or read.
   * @throws RegistrationError when the registry refuses or does not answer. A badge that cannot
   * be had yet is no error: see `status`.
   */
  static async connect(options: ConnectServerIdentityOptions): Promise<ServerIdentity> {
    readOptions(options, NAMES, 'The options of ServerIdentity.connect')
    const { serverId, create, name, autoBadge = true, proveBadge = true, time, badgeTimeoutMs } = options
    requireServerId(serverId)
    // It becomes the name of a folder.
    if (options.keysDir === undefined && !/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(serverId)) {
      throw new TypeError('This serverId cannot name a folder: give keysDir.')
    }
    const { client, caUrl } = openRegistry(options)
    // The signal gives up connecting, not what follows.
    const { client: keeping } = openRegistry({ ...options, signal: undefined })
    const keysDir = resolve(options.keysDir ?? join(homedir(), '.capiscio', 'mcp-servers', serverId))
    const { didKey: did, publicKeyPem, privateKeyPem, source } = openKeyFolder(keysDir, options.privateKeyPem)
    const registration = await registerWith(client, {
      ...{ serverId, did, create, name },
      publicKey: publicKeyPem,
      privateKey: privateKeyPem,
    })
    const { ttlSeconds, audience, domain, renewBeforeSeconds } = options
    const proof = proveBadge ? { did, privateKey: privateKeyPem } : {}
    const keeper = autoBadge
      ? keepWith(
          keeping,
          { serverId: registration.serverId, ...proof, ttlSeconds, audience, domain, renewBeforeSeconds },
          time,
        )
      : undefined
    const badgeError = await keeper?.get(badgeTimeoutMs).then(
      () => undefined,
      (error: Error) => error,
    )
    const status: ServerIdentityStatus = Object.freeze({
      key: source,
      registration: registration.status,
      proven: registration.proven,
      badge: keeper === undefined ? 'off' : badgeError === undefined ? 'issued' : 'pending',
      badgeError,
    })
    const facts = { serverId: registration.serverId, did, caUrl, keysDir, orgId: registration.orgId, status, keeper }
    return new ServerIdentity(MADE_HERE, facts, privateKeyPem)
  }

  /**
   * The same, from `CAPISCIO_SERVER_ID`, `CAPISCIO_API_KEY`, `CAPISCIO_SERVER_URL` (or
   * `CAPISCIO_CA_URL`), `CAPISCIO_SERVER_DOMAIN`, and `CAPISCIO_SERVER_PRIVATE_KEY_PEM` (`\n` stands
   * for a line break) or `CAPISCIO_SERVER_PRIVATE_KEY` (a file).
   *
   * @param overrides Options that hide the environment's.
   */
  static async fromEnv(overrides: Partial<ConnectServerIdentityOptions> = {}): Promise<ServerIdentity> {
    const { env } = process
    const given: Record<string, unknown> = {}
    for (const [option, variable] of Object.entries(ENVIRONMENT)) if (env[variable]) given[option] = env[variable]
    if (typeof given.privateKeyPem === 'string') given.privateKeyPem = given.privateKeyPem.replaceAll('\\n', '\n')
    else if (env.CAPISCIO_SERVER_PRIVATE_KEY)
      given.privateKeyPem = readFileSync(env.CAPISCIO_SERVER_PRIVATE_KEY, 'utf8')
    const options = { ...given, ...overrides }
    for (const [option, variable] of [
      ['serverId', ENVIRONMENT.serverId],
      ['apiKey', ENVIRONMENT.apiKey],
    ] as const) {
      if (Reflect.get(options, option) === undefined) throw new TypeError(`Set ${variable}, or give ${option}.`)
    }
    return ServerIdentity.connect(options as ConnectServerIdentityOptions)
  }

  /** The badge that is good now, waiting for one. @throws BadgeUnavailableError. @throws TypeError with `autoBadge: false`. */
  getBadge(timeoutMs?: number): Promise<string> {
    if (this.keeper === undefined)
      throw new TypeError('This identity keeps no badge: connect without autoBadge: false.')
    return this.keeper.get(timeoutMs)
  }

  /** What `protectServer` and `createHttpDisclosure` tell clients, with the badge of the moment. */
  disclosure(more: Pick<ServerIdentityOptions, 'origin' | 'keyId'> = {}): ServerIdentityOptions {
    const { did, keeper } = this
    const privateKey = this.#privateKeyPem
    return { ...more, did, privateKey, ...(keeper !== undefined && { badge: () => keeper.current() }) }
  }

  /** The private key, PEM (PKCS#8). Secret: a method, so that nothing prints it by chance. */
  revealPrivateKeyPem(): string {
    return this.#privateKeyPem
  }

  /** What `JSON.stringify` sees: nothing secret. */
  toJSON(): Record<string, unknown> {
    const { badgeError, ...status } = this.status
    const { serverId, did, caUrl, keysDir, orgId } = this
    const told = badgeError === undefined ? status : { ...status, badgeError: badgeError.message }
    return { serverId, did, caUrl, keysDir, orgId, status: told }
  }

  /** What `console.log` and `util.inspect` see. */
  [inspect.custom](): string {
    return `ServerIdentity ${inspect(this.toJSON())}`
  }

  /** Ends renewal. Idempotent. The key and the registration stay. */
  async close(): Promise<void> {
    await this.keeper?.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
