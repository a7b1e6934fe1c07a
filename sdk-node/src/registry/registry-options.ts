import { randomUUID } from 'node:crypto'
import { createRegistryClient, parseRegistryUrl, type RegistryClient } from '@capiscio/proto/registry'
import { requireTimeoutMs } from '@capiscio/proto/sdk'
import { sendByFetch } from './send-by-fetch.ts'

/** Which registry is asked, and as whom. */
export interface RegistryOptions {
  /** API key of the account, with the scope `servers:write`, and `badges:issue` for badges. */
  readonly apiKey: string
  /**
   * Where the registry is: HTTPS, or HTTP on loopback. Default: `CAPISCIO_SERVER_URL`, then
   * `CAPISCIO_CA_URL`. There is no registry that is asked by default.
   */
  readonly caUrl?: string | undefined
  /** HTTPS origin that the registry's badges name, where that is not the origin of `caUrl`. */
  readonly issuer?: string | undefined
  /** Milliseconds for one request. Default 30 000. */
  readonly timeoutMs?: number | undefined
  /** Gives up when aborted. */
  readonly signal?: AbortSignal | undefined
}

export const REGISTRY_OPTION_NAMES = ['apiKey', 'caUrl', 'issuer', 'timeoutMs', 'signal'] as const

const DEFAULT_TIMEOUT_MS = 30_000

/** @throws TypeError saying what to set */
export function openRegistry(options: RegistryOptions): { readonly client: RegistryClient; readonly caUrl: string } {
  const { apiKey, issuer, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options
  if (typeof apiKey !== 'string' || !/^[!-~]{1,512}$/.test(apiKey)) {
    throw new TypeError('apiKey must be an API key of the registry: visible ASCII characters.')
  }
  requireTimeoutMs(timeoutMs)
  const caUrl = parseRegistryUrl(options.caUrl ?? urlFromEnvironment(), 'caUrl')
  if (issuer !== undefined && (!URL.canParse(issuer) || new URL(issuer).origin !== issuer)) {
    throw new TypeError('issuer must be an origin such as "https://registry.example.com".')
  }
  const client = createRegistryClient({
    ...{ url: caUrl, issuer, apiKey },
    send: sendByFetch({ timeoutMs, signal }),
    nowMs: Date.now,
    uuid: randomUUID,
  })
  return { client, caUrl }
}

function urlFromEnvironment(): string {
  const url = process.env.CAPISCIO_SERVER_URL || process.env.CAPISCIO_CA_URL
  if (url) return url
  throw new TypeError('No registry is named: give caUrl, or set CAPISCIO_SERVER_URL or CAPISCIO_CA_URL.')
}
