import type { VerifyConfig } from '@capiscio/proto/sdk'
import { decideVerifyConfig, readOptions, requireTimeoutMs, VERIFY_CONFIG_NAMES } from '@capiscio/proto/sdk'
import type { CallerCredential, CredentialInput } from '../caller-credential.ts'
import { toCallerCredential } from '../caller-credential.ts'
import type { CoreClient } from '../client.ts'
import { isLoopback } from '../core-address.ts'
import type { HttpDisclosure } from './http-disclosure.ts'
import type { TransportLike } from './transport-like.ts'

const NAMES = [
  'url',
  'http',
  'credential',
  'insecure',
  'sendCredentialToUnverified',
  'expectedDid',
  'failOnUnverified',
  'requireModernEra',
  'recheckMs',
  'signal',
  'timeoutMs',
  'client',
  ...VERIFY_CONFIG_NAMES,
] as const

/** Options of `connectVerified`: what is demanded of the server, and what it is given. */
export interface ConnectVerifiedOptions extends VerifyConfig {
  /** URL of the endpoint, for HTTP transports. The DID is compared with it. Leave it out for a child process. */
  readonly url?: string | URL | undefined
  /** What watches the headers of an HTTP transport, from `createHttpDisclosure`. */
  readonly http?: HttpDisclosure | undefined
  /** The caller's credential, sent with every request once the server is verified. */
  readonly credential?: CredentialInput | undefined
  /**
   * Show the credential also over `http:` to another machine, where it can be read and whatever a server proves can be
   * relayed. Default false.
   */
  readonly insecure?: boolean | undefined
  /**
   * Send the credential to a server that is not verified too, and a badge over HTTP from the
   * first request on, as a gate that requires one wants it. Default false.
   */
  readonly sendCredentialToUnverified?: boolean | undefined
  /** The only DID that is accepted. Default: any that verifies. */
  readonly expectedDid?: string | undefined
  /** Close the connection and throw when the server is not verified. Default true. */
  readonly failOnUnverified?: boolean | undefined
  /** Refuse a server that speaks only the legacy era, whose proofs can be relayed. Default false. */
  readonly requireModernEra?: boolean | undefined
  /** How long a verification holds before the server is asked and checked again, milliseconds. Default 300 000. */
  readonly recheckMs?: number | undefined
  /**
   * Gives up connecting when aborted; whatever was begun is closed. The signal of `withAbortSignal` counts as well. A connection
   * that stands is ended by closing its client.
   */
  readonly signal?: AbortSignal | undefined
  /**
   * Milliseconds until a question about the server is given up: to the core (default: the client's, 10 000), and to a modern
   * server itself (default: the MCP SDK's).
   */
  readonly timeoutMs?: number | undefined
  /** The core to ask. Default: the process's own client. */
  readonly client?: CoreClient | undefined
}

/** What tells a transport over a network from a child process: Streamable HTTP, SSE, WebSocket. */
const NETWORK_MEMBERS = ['terminateSession', '_url']

/** Options that were checked, and what they come to. */
export interface ConnectDecided {
  readonly config: VerifyConfig
  readonly endpoint: { readonly transportOrigin?: string; readonly endpointPath?: string }
  readonly credential: CallerCredential | undefined
  readonly options: ConnectVerifiedOptions
}

/** @throws TypeError for options that contradict each other or the transport, or that would not hold. */
export function decideConnectOptions(options: ConnectVerifiedOptions, transport: TransportLike): ConnectDecided {
  readOptions(options, NAMES, 'The options of connectVerified')
  const { url, credential, timeoutMs, recheckMs } = options
  const config: VerifyConfig = Object.fromEntries(VERIFY_CONFIG_NAMES.map((name) => [name, options[name]]))
  decideVerifyConfig(config)
  if (timeoutMs !== undefined) requireTimeoutMs(timeoutMs)
  if (recheckMs !== undefined) requireTimeoutMs(recheckMs)
  // What is given and not understood would look like a demand that holds.
  for (const name of ['failOnUnverified', 'sendCredentialToUnverified', 'requireModernEra', 'insecure'] as const) {
    const flag: unknown = options[name]
    if (flag !== undefined && typeof flag !== 'boolean') throw new TypeError(`${name} must be true or false.`)
  }
  const expectedDid: unknown = options.expectedDid
  if (expectedDid !== undefined && (typeof expectedDid !== 'string' || !/^did:[a-z0-9]+:./.test(expectedDid))) {
    throw new TypeError(
      'expectedDid must be a DID, exactly as the server discloses it. Leave it out for any that verifies.',
    )
  }
  // Transports over a network keep their URL, each of both SDKs. Without the option the endpoint would pass for a child process.
  if (url === undefined && NETWORK_MEMBERS.some((name) => name in transport)) {
    throw new TypeError('This transport needs the option url, so that the DID can be compared with the endpoint.')
  }
  if (url === undefined && options.http !== undefined) {
    throw new TypeError('The option http needs the option url: the badge is shown to that origin alone.')
  }
  const target = url === undefined ? undefined : new URL(url)
  if (target?.protocol === 'http:' && credential !== undefined && options.insecure !== true) {
    if (!isLoopback(target.hostname.replace(/^\[(.*)\]$/, '$1'))) {
      throw new TypeError(
        `The credential would go to ${target.origin} without encryption, where it can be read on the way. ` +
          'Use https, or the option insecure if the network is trusted.',
      )
    }
  }
  return {
    config,
    endpoint: target === undefined ? {} : { transportOrigin: target.origin, endpointPath: target.pathname },
    credential: credential === undefined ? undefined : toCallerCredential(credential),
    options,
  }
}
