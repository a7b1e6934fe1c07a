import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BadgeKeeper, createBadgeKeeper, createRegistryClient } from '@capiscio/proto/registry'
import type { Logger } from 'pino'
import { systemRandom } from '../../adapters/crypto/system-random.ts'
import { writeFileDurably } from '../../adapters/files/durable-write.ts'
import { systemClock } from '../../adapters/time/system-clock.ts'
import { systemTimer } from '../../adapters/time/system-timer.ts'
import type { RegistryConfig } from '../../config/registry-config.ts'
import { encodeBase64url } from '../../lib/base64url.ts'
import { initRegistry, type Registry, startRegistry } from '../../registry.ts'
import { AddressRefused } from '../../transport/address-refused.ts'
import { DEV_ISSUER, DEV_ISSUER_KID, type DevKeys } from './dev-folder.ts'

/** Where the registry listens when nobody is there yet. */
const USUAL_PORT = 8787

const AGENT = 'example-agent'
const SERVER = 'example-server'
const DOMAIN = 'agents.example.com'

/** As long as a registry gives them: they outlive a short break of the development core. */
const BADGE_SECONDS = 3600

const LEVELS = [1, 2, 3, 4] as const

/** The registry of a development core, with an agent and a server whose badges are kept fresh. */
export interface DevRegistry extends AsyncDisposable {
  readonly url: string
  readonly adminKeyFile: string
}

/**
 * Starts the registry of a development folder, makes it where it is missing, registers the
 * example agent and server through its public API, and keeps their badges in `badges/`.
 *
 * @param folder absolute
 * @param freePort listen on any free port, also where the usual one is free
 */
export async function startDevRegistry(
  folder: string,
  keys: DevKeys,
  freePort: boolean,
  logger: Logger,
): Promise<DevRegistry> {
  const home = join(folder, 'registry')
  const adminKeyFile = join(home, 'admin-key')
  const config = configOf(home)
  const adminKey = await prepare(config, adminKeyFile, keys)
  const registry = await start(config, freePort, logger)
  const keepers: BadgeKeeper[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(keepers.map((keeper) => keeper.stop()))
    await registry.stop()
  }
  try {
    const admin = administrator(registry.url, adminKey)
    const agentDid = await admin.register('agent', AGENT, keys.agent.publicKey)
    await admin.register('server', SERVER, keys.server.publicKey)
    await admin.raise(agentDid)
    const client = createRegistryClient({
      url: registry.url,
      issuer: DEV_ISSUER,
      apiKey: adminKey,
      send: admin.send,
      nowMs: systemClock.nowMs,
      uuid: systemRandom.uuid,
    })
    const keep = (name: string, kind: 'agent' | 'server', reference: string, level: number): void => {
      const path = join(folder, 'badges', `${name}.jwt`)
      const keeper = createBadgeKeeper({
        async request() {
          const badge = await client.requestBadge({ kind, reference }, { level, ttlSeconds: BADGE_SECONDS })
          await writeFileDurably(path, new TextEncoder().encode(`${badge.token}\n`))
          return badge
        },
        nowMs: systemClock.nowMs,
        after: systemTimer.after,
        random: Math.random,
      })
      keeper.on((event) => {
        if (event.type === 'failed') logger.warn({ event: 'warning', code: 'BADGE_NOT_RENEWED' }, event.error.message)
      })
      keepers.push(keeper)
    }
    for (const level of LEVELS) keep(`level-${level}`, 'agent', AGENT, level)
    keep('server', 'server', SERVER, 1)
    await Promise.all(keepers.map((keeper) => keeper.get()))
  } catch (error) {
    await stop()
    throw error
  }
  return { url: registry.url, adminKeyFile, [Symbol.asyncDispose]: stop }
}

function configOf(home: string): RegistryConfig & { readonly issuer: string } {
  return {
    issuer: DEV_ISSUER,
    listen: { host: '127.0.0.1', port: USUAL_PORT },
    dataDir: home,
    databaseFile: join(home, 'registry.db'),
    caKeyFile: join(home, 'issuer.jwk'),
    insecure: false,
    behindProxy: false,
    requireMode: false,
    badgesPerHour: 10_000,
    shutdownGraceMs: 4_000,
    logLevel: 'warn',
  }
}

/** Makes the registry. One whose first API key was never written down is of no use and is made again. */
async function prepare(
  config: RegistryConfig & { readonly issuer: string; readonly caKeyFile?: string },
  adminKeyFile: string,
  { issuer, issuerSeed }: DevKeys,
): Promise<string> {
  if (existsSync(config.databaseFile) && existsSync(adminKeyFile)) return (await readFile(adminKeyFile, 'utf8')).trim()
  await rm(config.dataDir, { recursive: true, force: true })
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  const jwk = {
    kty: 'OKP',
    crv: 'Ed25519',
    kid: DEV_ISSUER_KID,
    x: encodeBase64url(issuer.publicKey),
    d: encodeBase64url(issuerSeed),
  }
  await writeFile(config.caKeyFile ?? '', JSON.stringify(jwk), { mode: 0o600 })
  const { adminKey } = await initRegistry(config)
  await writeFileDurably(adminKeyFile, new TextEncoder().encode(`${adminKey}\n`))
  return adminKey
}

async function start(config: RegistryConfig, freePort: boolean, logger: Logger): Promise<Registry> {
  const anyPort = { ...config, listen: { ...config.listen, port: 0 } }
  if (freePort) return startRegistry(anyPort, logger)
  return startRegistry(config, logger).catch((error: unknown) => {
    if (error instanceof AddressRefused) return startRegistry(anyPort, logger)
    throw error
  })
}

/** What an administrator does with the public API. */
function administrator(url: string, adminKey: string) {
  const send = async (request: {
    readonly url: string
    readonly method: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: string
  }) => {
    const { url: target, ...init } = request
    const response = await fetch(target, { ...init, redirect: 'error' })
    return { status: response.status, body: await response.text() }
  }
  const call = async (method: string, path: string, body: object) => {
    const headers = { 'x-capiscio-registry-key': adminKey, 'content-type': 'application/json' }
    return send({ url: `${url}${path}`, method, headers, body: JSON.stringify(body) })
  }
  const demand = (status: number, what: string, ...accepted: readonly number[]): void => {
    if (!accepted.includes(status)) throw new Error(`The development registry answered ${status} to ${what}`)
  }
  return {
    send,
    /** @returns the DID, which the registry names after the id */
    async register(kind: 'agent' | 'server', id: string, publicKey: Uint8Array): Promise<string> {
      const body = { id, name: id, publicKey: Buffer.from(publicKey).toString('base64') }
      const { status } = await call('POST', `/v1/sdk/${kind}s`, body)
      // 409: it was registered at an earlier start.
      demand(status, `the registration of ${id}`, 201, 409)
      return `did:web:${new URL(DEV_ISSUER).host}:${kind}s:${id}`
    },
    async raise(did: string): Promise<void> {
      const path = `/v1/admin/agents/${encodeURIComponent(did)}/level`
      const { status } = await call('PUT', path, { level: 4, domain: DOMAIN })
      demand(status, 'the level of the example agent', 200)
    },
  }
}
