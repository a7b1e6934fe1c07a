import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { CoreService, DenyReason, Outcome } from '@capiscio/proto/core/v1'
import { afterEach, describe, expect, it } from 'vitest'
import { toMultibaseKey } from '../../core/src/domain/did/multibase-key.ts'
import { didDocument, vcOf } from '../fakes/badge-world.ts'
import { startHttp } from '../fakes/https-server.ts'
import { createFakeIssuer } from '../fakes/issuer.ts'
import { createRawClient } from '../tools/raw-client.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'core', 'dist', 'main.js')
const ISSUER = 'https://registry.capiscio.invalid'
const SUBJECT = 'did:web:registry.capiscio.invalid:agents:agent-1'
const [FIRST, SECOND, AGENT] = [createFakeIssuer('ca-1', 1), createFakeIssuer('ca-2', 2), createFakeIssuer('agent', 3)]

let child: ChildProcess | undefined
let folder: string | undefined

afterEach(async () => {
  if (child?.exitCode === null) {
    const exited = new Promise((resolve) => child?.once('exit', resolve))
    child.kill('SIGTERM')
    await exited
  }
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

/** `capiscio serve` with one issuer, which is reached at `place`. */
async function serve(place: string, flags: readonly string[] = []): Promise<{ tcp: string; http: string }> {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-keys-'))
  const config = join(folder, 'capiscio.yaml')
  await writeFile(
    config,
    `profile: dev\ntrust: { issuers: [{ issuer: "${ISSUER}", jwksUrl: "${place}/.well-known/jwks.json", didNamespaceUrl: "${place}" }] }\n`,
  )
  const args = ['serve', '--config', config, '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0']
  child = spawn(process.execPath, [...flags, MAIN, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, HOME: folder },
  })
  if (child.stderr === null) throw new Error('no standard error')
  for await (const line of createInterface({ input: child.stderr })) {
    const event = JSON.parse(line) as { event: string; tcp: string; http: string }
    if (event.event !== 'started') continue
    child.stderr.resume()
    return event
  }
  throw new Error('the core did not start')
}

function badge(issuer = FIRST, claims: Record<string, unknown> = {}): string {
  const iat = Math.floor(Date.now() / 1000)
  return issuer.sign(
    { alg: 'EdDSA', typ: 'JWT', kid: issuer.kid },
    {
      jti: '550e8400-e29b-41d4-a716-446655440000',
      iss: ISSUER,
      sub: SUBJECT,
      iat,
      exp: iat + 300,
      ial: '0',
      key: { kty: 'OKP', crv: 'Ed25519', x: AGENT.jwk['x'] },
      vc: vcOf('2', { domain: 'agents.example.com' }),
      ...claims,
    },
  )
}

/** A registry that can be away and that publishes some keys and one agent. */
async function startRegistry() {
  const state = { isAway: false, keys: [FIRST.jwk], key: AGENT.publicKey }
  const server = await startHttp((request, response) => {
    if (state.isAway) return void response.destroy()
    const pages: Record<string, string> = {
      '/.well-known/jwks.json': JSON.stringify({ keys: state.keys }),
      '/agents/agent-1/did.json': didDocument(SUBJECT, toMultibaseKey(state.key)),
    }
    const page = pages[request.url ?? '']
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(page)
  })
  return { state, server }
}

describe('an issuer whose keys are fetched', () => {
  it('may be away at the start: the core answers, is not ready, and becomes ready by itself', async () => {
    const { state, server } = await startRegistry()
    state.isAway = true
    const { tcp, http } = await serve(`http://127.0.0.1:${server.port}`)
    using client = createRawClient(tcp)
    const ask = async (badgeJws?: string) => {
      const credential = badgeJws === undefined ? {} : { credential: { case: 'badgeJws' as const, value: badgeJws } }
      return (await client.call(CoreService.method.evaluateToolAccess, { toolName: 'read', ...credential })).decision
    }
    while (server.connections === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await ask()).toMatchObject({ outcome: Outcome.ALLOW })
    expect(await ask(badge())).toMatchObject({ outcome: Outcome.DENY, reason: DenyReason.ISSUER_UNTRUSTED })
    const before = await client.call(CoreService.method.getServerInfo, {})
    expect(before).toMatchObject({
      ready: false,
      notReadyReasons: ['No issuer could be asked for its keys yet: badges cannot be verified.'],
      trustedIssuers: [{ issuer: ISSUER, keySource: 'url', keys: 0, keysStale: true }],
    })
    expect(before.trustedIssuers[0]?.keysFetchedAt).toBeUndefined()
    expect(before.trustedIssuers[0]?.keysError).toContain(`http://127.0.0.1:${server.port} gave no complete answer`)
    expect((await fetch(`${http}/readyz`)).status).toBe(503)

    state.isAway = false
    while ((await fetch(`${http}/readyz`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await ask(badge())).toMatchObject({ outcome: Outcome.ALLOW })
    const after = await client.call(CoreService.method.getServerInfo, {})
    expect(after).toMatchObject({
      ready: true,
      trustedIssuers: [{ issuer: ISSUER, keySource: 'url', keys: 1, keysError: '', keysStale: false }],
    })
    expect(after.trustedIssuers[0]?.keysFetchedAt).toBeDefined()
    const metrics = await (await fetch(`${http}/metrics`)).text()
    expect(metrics).toMatch(/^capiscio_outbound_requests_total\{purpose="jwks",outcome="success"\} 1$/m)
    expect(metrics).toMatch(/^capiscio_issuer_key_fetches_total\{outcome="replaced"\} 1$/m)
    expect(metrics).toMatch(/^capiscio_issuers_without_keys 0$/m)
  })

  it('may change its keys, and its agents are bound to the keys that they publish', async () => {
    const { state, server } = await startRegistry()
    const { tcp } = await serve(`http://127.0.0.1:${server.port}`)
    using client = createRawClient(tcp)
    const ask = async (badgeJws: string) => {
      const credential = { case: 'badgeJws' as const, value: badgeJws }
      return (await client.call(CoreService.method.evaluateToolAccess, { toolName: 'read', credential })).decision
    }
    expect(await ask(badge())).toMatchObject({ outcome: Outcome.ALLOW })
    state.keys = [SECOND.jwk]
    expect(await ask(badge(SECOND))).toMatchObject({ outcome: Outcome.ALLOW })
    expect(await ask(badge(FIRST))).toMatchObject({ reason: DenyReason.BADGE_SIGNATURE_INVALID })

    const confirmed = { ial: '1', cnf: { kid: `${SUBJECT}#key-1` } }
    expect(await ask(badge(SECOND, confirmed))).toMatchObject({ outcome: Outcome.ALLOW })
    expect(server.requests.map(({ url }) => url)).toContain('/agents/agent-1/did.json')
    const stranger = { ...confirmed, key: { kty: 'OKP', crv: 'Ed25519', x: FIRST.jwk['x'] } }
    expect(await ask(badge(SECOND, stranger))).toMatchObject({ reason: DenyReason.BADGE_CLAIMS_INVALID })
    const elsewhere = { ...confirmed, sub: 'did:web:127.0.0.1', cnf: { kid: 'did:web:127.0.0.1#key-1' } }
    expect(await ask(badge(SECOND, elsewhere))).toMatchObject({ outcome: Outcome.DENY })
  })

  it('does not keep a core from stopping when its name cannot be looked up', async () => {
    const preload = join(import.meta.dirname, '..', 'fakes', 'hanging-resolver.ts')
    await serve('https://registry.example.com', ['--import', preload])
    const exited = new Promise((resolve) => child?.once('exit', (...end) => resolve(end)))
    child?.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
  })
})
