import { createRegistryClient, type RegistryClient, type RegistryClientOptions } from '@capiscio/proto/registry'
import type { Clock } from '../ports/clock.ts'
import type { OutboundHttp } from '../ports/outbound-http.ts'
import type { Random } from '../ports/random.ts'

/** A registry that the operator configured. */
export interface KnownRegistry {
  /** HTTPS origin that its badges name. */
  readonly issuer: string
  /** Where its API is reached. */
  readonly url: string
}

/** The registries that a core may be asked to speak with, and nobody else. */
export interface RegistryClients {
  /**
   * The configured registry with this origin or URL; empty: the only one.
   *
   * @returns text saying what to write, when there is none
   */
  find(registry: string): KnownRegistry | string
  /** @param apiKey used for this client's calls and not kept */
  open(registry: KnownRegistry, apiKey: string | undefined): RegistryClient
}

export interface RegistryClientsOptions {
  readonly registries: readonly KnownRegistry[]
  readonly http: OutboundHttp
  readonly clock: Clock
  readonly random: Random
}

const MAX_ANSWER_BYTES = 256 * 1024

/** RFC-007 clients wait that long for a registration. */
const TIMEOUT_MS = 30_000

export function createRegistryClients(options: RegistryClientsOptions): RegistryClients {
  const { registries, http, clock, random } = options
  return {
    find(registry) {
      if (registry === '') {
        const [only, ...others] = registries
        if (only !== undefined && others.length === 0) return only
        if (only === undefined) return 'this core has no issuer in its configuration: add one to trust.issuers'
        return 'this core has several issuers: name one of them'
      }
      const wanted = registry.replace(/\/+$/, '')
      const known = registries.find(({ issuer, url }) => issuer === wanted || url === wanted)
      return known ?? 'must be the origin or the apiUrl of an issuer in trust.issuers'
    },
    open: ({ issuer, url }, apiKey) =>
      createRegistryClient({
        ...{ issuer, url, apiKey },
        send: sendThrough(http),
        nowMs: clock.nowMs,
        uuid: random.uuid,
      }),
  }
}

/** Requests to a registry through the one way out. */
export function sendThrough(http: OutboundHttp): RegistryClientOptions['send'] {
  return async ({ url, method, headers, body }) => {
    const answer = await http.send({
      ...{ url, method, headers },
      ...(body !== undefined && { body }),
      hostFrom: 'operator',
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: TIMEOUT_MS,
      purpose: 'registry',
    })
    return {
      status: answer.status,
      retryAfter: answer.headers.get('retry-after'),
      body: new TextDecoder().decode(answer.body),
    }
  }
}
