import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { decideRegistry } from '../../core/src/config/decide-registry.ts'
import type { RegistryConfig, RegistryFlags } from '../../core/src/config/registry-config.ts'
import { initRegistry, type Registry, type RegistryAdapters, startRegistry } from '../../core/src/registry.ts'
import { createFixedClock, type FixedClock } from './fixed-clock.ts'
import { createFakeIssuer, type FakeIssuer } from './issuer.ts'
import { createMemoryDidDocuments, type MemoryDidDocuments } from './memory-did-documents.ts'

export const ISSUER = 'https://registry.example.com'

export const START_MS = Date.parse('2026-06-01T12:00:00Z')

/** What came back for one request. */
export interface RegistryAnswer {
  readonly status: number
  readonly headers: Headers
  /** The body, which is always JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: what a foreign client sees
  readonly body: any
}

export interface RegistryCall {
  /** API key; the administrator's unless given. `none` sends none. */
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** A challenge as a client holds it. */
export interface HeldChallenge {
  readonly challenge_id: string
  readonly nonce: string
  readonly proof_aud: string
  readonly htu: string
  readonly challenge_expires_at: string
}

/** A registry on loopback with a clock that stands still, and clients of it. */
export interface RegistryWorld extends AsyncDisposable {
  readonly registry: Registry
  readonly clock: FixedClock
  readonly didDocuments: MemoryDidDocuments
  readonly adminKey: string
  readonly folder: string
  readonly config: RegistryConfig
  /** Sends a request; the path is sent as it is. */
  call(method: string, path: string, call?: RegistryCall): Promise<RegistryAnswer>
  /** The one word that tests compare: `STATUS code`, or the status alone. */
  outcome(method: string, path: string, call?: RegistryCall): Promise<string>
  /** Registers an agent that holds `agent`'s key under its name in the registry. Returns its DID. */
  addAgent(id: string, agent: FakeIssuer, key?: string): Promise<string>
  addKey(name: string, account: string, scopes: readonly string[]): Promise<string>
  challenge(did: string, body?: object): Promise<HeldChallenge>
  /** Every evidence record so far, oldest first. */
  records(): Readonly<Record<string, unknown>>[]
}

export const agentKey = (seed: number): FakeIssuer => createFakeIssuer('agent', seed)

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** The claims of a sound answer to a challenge. */
export function proofClaims(challenge: HeldChallenge, did: string, nowMs: number) {
  const iat = Math.floor(nowMs / 1000)
  return {
    cid: challenge.challenge_id,
    nonce: challenge.nonce,
    sub: did,
    aud: challenge.proof_aud,
    htu: challenge.htu,
    htm: 'POST',
    iat,
    exp: iat + 60,
    jti: randomUUID(),
  }
}

export const proofHeader = (kid: string) => ({ alg: 'EdDSA', typ: 'pop+jwt', kid })

export async function startRegistryWorld(
  options: {
    readonly flags?: RegistryFlags
    readonly adapters?: RegistryAdapters
    readonly issuer?: string
    /** A registry that was made before. */
    readonly existing?: Pick<RegistryWorld, 'folder' | 'adminKey'>
  } = {},
): Promise<RegistryWorld> {
  const { issuer = ISSUER, existing } = options
  const folder = existing?.folder ?? mkdtempSync(join(tmpdir(), 'capiscio-registry-'))
  const clock = createFixedClock(START_MS)
  const didDocuments = createMemoryDidDocuments()
  const flags = { data: join(folder, 'data'), listen: '127.0.0.1:0', ...options.flags }
  const { config } = decideRegistry({ flags, env: {}, cwd: folder })
  const { adminKey } = existing ?? (await initRegistry({ ...config, issuer }, { clock }))
  const adapters = { clock, didDocuments, ...options.adapters }
  const registry = await startRegistry(config, pino({ level: 'silent' }), adapters)

  async function call(method: string, path: string, given: RegistryCall = {}): Promise<RegistryAnswer> {
    const { key = adminKey, headers, body } = given
    const response = await fetch(registry.url + path, {
      method,
      headers: {
        ...(key !== 'none' && { 'x-capiscio-registry-key': key }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: JSON.parse(text) }
  }

  return {
    ...{ registry, clock, didDocuments, adminKey, folder, config, call },
    async outcome(...request) {
      const { status, body } = await call(...request)
      return body.error === undefined ? String(status) : `${status} ${body.error}`
    },
    async addAgent(id, agent, key = adminKey) {
      const body = { id, name: id, publicKey: base64(agent.publicKey) }
      const made = await call('POST', '/v1/sdk/agents', { key, body })
      if (made.status !== 201) throw new Error(JSON.stringify(made.body))
      return made.body.data.did
    },
    async addKey(name, account, scopes) {
      const made = await call('POST', '/v1/admin/api-keys', { body: { name, account, scopes } })
      if (made.status !== 201) throw new Error(JSON.stringify(made.body))
      return made.body.data.key
    },
    async challenge(did, body = {}) {
      const path = `/v1/agents/${encodeURIComponent(did)}/badge/challenge`
      const made = await call('POST', path, { body })
      if (made.status !== 200) throw new Error(JSON.stringify(made.body))
      return made.body
    },
    records() {
      const journal = join(registry.evidence.directory, 'journal')
      const text = readdirSync(journal)
        .sort()
        .map((name) => readFileSync(join(journal, name), 'latin1'))
        .join('')
      return [...text.matchAll(/\{"event\.name":"capiscio\.registry\.[^\n]*?"timestamp":"[^"]*"\}/g)].map(([json]) =>
        JSON.parse(json),
      )
    },
    async [Symbol.asyncDispose]() {
      await registry.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
