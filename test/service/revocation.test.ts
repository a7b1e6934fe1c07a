import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AdminService, CoreService, DenyReason, Outcome } from '@capiscio/proto/core/v1'
import { RevocationService } from '@capiscio/proto/v1'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEV_ISSUER } from '../../core/src/cli/dev/dev-folder.ts'
import { devCredential, runCapiscio } from '../tools/core-process.ts'
import { makeDevFolder } from '../tools/dev-folder.ts'
import { type IssuerServer, startIssuerServer } from '../tools/issuer-server.ts'
import { createRawClient, type RawClient } from '../tools/raw-client.ts'
import { type ServeProcess, startServe } from '../tools/serve-process.ts'

const AGENT = 'did:web:registry.capiscio.invalid:agents:example-agent'

let folder: string
let registry: IssuerServer
let core: ServeProcess
/** Over TCP, without a token. */
let client: RawClient
/** Over the Unix socket. */
let operator: RawClient

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-rev-'))
  registry = await startIssuerServer()
  const configFile = join(folder, 'capiscio.yaml')
  await makeDevFolder(folder, registry.url)
  const text = await readFile(configFile, 'utf8')
  const revocation = 'revocation: { syncIntervalSeconds: 3600, statusMaxAgeSeconds: 0 }'
  await writeFile(configFile, text.replace('trust:\n', `trust:\n  ${revocation}\n`))
  await start()
})

async function start(): Promise<void> {
  const kept = ['--state-dir', join(folder, 'state'), '--evidence-log', join(folder, 'log')]
  core = await startServe(['--config', join(folder, 'capiscio.yaml'), ...kept])
  client = createRawClient(core.addresses.tcp)
  operator = createRawClient(core.addresses.socket)
}

async function stop(): Promise<void> {
  client[Symbol.dispose]()
  operator[Symbol.dispose]()
  expect(await core.stop()).toBe(0)
  await core[Symbol.asyncDispose]()
}

/** Sends SIGHUP and waits for what the log says about it. */
async function hangUp(event: string): Promise<void> {
  const before = core.output().length
  const logged = new Promise<void>((resolve) => {
    core.child.stderr?.on('data', () => {
      if (core.output().slice(before).includes(`"event":"${event}"`)) resolve()
    })
  })
  core.child.kill('SIGHUP')
  await logged
}

afterAll(async () => {
  await stop()
  await registry[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const badge = (level: number): Promise<string> => devCredential(folder, 'badges', `level-${level}.jwt`)

async function jtiOf(level: number): Promise<string> {
  const [, payload = ''] = (await badge(level)).split('.')
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti: string }).jti
}

async function decide(level: number, toolName = 'list_files'): Promise<string> {
  const { decision } = await client.call(CoreService.method.evaluateToolAccess, {
    toolName,
    credential: { case: 'badgeJws', value: await badge(level) },
    config: { acceptLevelZero: true },
  })
  if (decision?.outcome === Outcome.ALLOW) return 'ALLOW'
  return Object.entries(DenyReason).find(([, number]) => number === decision?.reason)?.[0] ?? 'none'
}

const codeOf = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => status.OK,
    (error: { code: number }) => error.code,
  )

describe('an issuer that is asked', () => {
  it('revokes a badge and disables an agent, and the next decision knows', async () => {
    expect(await decide(2)).toBe('ALLOW')
    registry.issuer.agents.set(AGENT, 'disabled')
    await expect.poll(() => decide(2)).toBe('AGENT_DISABLED')
    registry.issuer.agents.clear()
    await expect.poll(() => decide(2), { timeout: 10_000 }).toBe('ALLOW')
    registry.issuer.revoked.push({ jti: await jtiOf(2), atMs: Date.now() })
    expect(await decide(2)).toBe('BADGE_REVOKED')
    expect(await decide(3)).toBe('ALLOW')
  })

  it('is described with its mode, its last sync and what it revoked', async () => {
    const { trustedIssuers } = await client.call(CoreService.method.getServerInfo, {})
    expect(trustedIssuers).toEqual([
      expect.objectContaining({
        issuer: DEV_ISSUER,
        revocation: expect.objectContaining({ mode: 'hybrid', stale: false, entries: 1n }),
      }),
    ])
    expect(trustedIssuers[0]?.revocation?.syncedAt?.seconds).toBeGreaterThan(1_700_000_000n)
    const status = await runCapiscio(['status', '--address', core.addresses.tcp])
    expect(status.stdout).toMatch(/^revoked +hybrid \(1 revoked at 20\S+Z\)$/m)
    const { caches } = await operator.call(AdminService.method.getCacheStatistics, {})
    expect(caches.map(({ name }) => name)).toEqual(['verified_badges', 'badge_status', 'agent_status'])
    const metrics = await (await fetch(`${core.addresses.http}/metrics`)).text()
    expect(metrics).toContain(`capiscio_revocation_syncs_total{issuer="${DEV_ISSUER}",outcome="complete"} 1`)
  })
})

describe('local revocation', () => {
  it('of a badge is in force at level 0 too, when the call is over', async () => {
    expect(await decide(0)).toBe('ALLOW')
    await operator.call(AdminService.method.revokeLocally, { badgeJti: await jtiOf(0), reason: 'stolen' })
    expect(await decide(0)).toBe('BADGE_REVOKED')
    expect(await readFile(join(folder, 'state', 'local-revocations.jsonl'), 'utf8')).toContain('"comment":"stolen"')
  })

  it('over TCP wants the admin token, which the command brings', async () => {
    const revoke = async (headers: Readonly<Record<string, string>>): Promise<unknown> => {
      using caller = createRawClient(core.addresses.tcp, { headers })
      return await codeOf(caller.call(AdminService.method.revokeLocally, { badgeJti: 'x' }))
    }
    expect(await revoke({})).toBe(status.UNAUTHENTICATED)
    expect(await revoke({ authorization: `Bearer ${'A'.repeat(43)}` })).toBe(status.PERMISSION_DENIED)
    const address = ['--address', core.addresses.tcp]
    const { code, stderr } = await runCapiscio(['revoke', await jtiOf(4), ...address, '--state-dir', folder])
    expect([code, stderr]).toEqual([1, expect.stringContaining('admin token')])
    expect(stderr).toMatch(new RegExp(`[^.]\\. Give --state-dir, .* this command looked into ${folder}\\.\n$`))
    expect(await decide(4)).toBe('ALLOW')
    const state = ['--state-dir', join(folder, 'state')]
    const done = await runCapiscio(['revoke', await jtiOf(4), '--reason', 'test', ...address, ...state])
    expect(done).toEqual({ code: 0, stdout: 'Revoked.\n', stderr: '' })
    expect(await decide(4)).toBe('BADGE_REVOKED')
  })

  it('by old clients is the same, and wants the same', async () => {
    const request = { subject: await jtiOf(3), comment: 'old' }
    expect(await codeOf(client.call(RevocationService.method.revoke, request))).toBe(status.UNAUTHENTICATED)
    expect(await decide(3)).toBe('ALLOW')
    expect(await operator.call(RevocationService.method.revoke, request)).toMatchObject({ errorMessage: '' })
    expect(await decide(3)).toBe('BADGE_REVOKED')
    expect(await client.call(RevocationService.method.isRevoked, request)).toMatchObject({ isRevoked: true })
    expect(await operator.call(RevocationService.method.unrevoke, request)).toMatchObject({ wasRevoked: true })
    expect(await decide(3)).toBe('ALLOW')
  })

  it.each([
    {},
    { badgeJti: 'a', subjectDid: 'did:web:a.example' },
    { badgeJti: 'did:web:a.example' },
    { subjectDid: 'a' },
    { badgeJti: 'a b' },
    { badgeJti: 'a', reason: 'x'.repeat(1025) },
  ])('of %j is malformed', async (request) => {
    expect(await codeOf(operator.call(AdminService.method.revokeLocally, request))).toBe(status.INVALID_ARGUMENT)
  })

  it('is not offered to browsers', async () => {
    const url = `${core.addresses.http}/capiscio.core.v1.AdminService/RevokeLocally`
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
    expect(answer.status).toBe(404)
  })
})

describe('reload', () => {
  const policy = () => join(folder, 'policy.yaml')
  const reloads = async (outcome: string): Promise<number> => {
    const text = await (await fetch(`${core.addresses.http}/metrics`)).text()
    return Number(new RegExp(`^capiscio_reloads_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  }
  const version = async () => (await client.call(CoreService.method.getServerInfo, {})).policyVersion

  it('puts a new policy in force, by call and by SIGHUP', async () => {
    const before = await version()
    await appendFile(policy(), '  - match: ["list_*"]\n    deny: true\n')
    expect(await version()).toBe(before)
    const appliedBefore = await reloads('applied')
    const { policyVersion } = await operator.call(AdminService.method.reload, {})
    expect(policyVersion).not.toBe(before)
    expect(await reloads('applied')).toBe(appliedBefore + 1)
    await expect.poll(core.output).toContain(`"event":"reloaded","policyVersion":"${policyVersion}"`)
    expect(await version()).toBe(policyVersion)
    expect(await decide(3)).toBe('POLICY_DENIED')
    await writeFile(policy(), 'version: 1\ndefault: { minTrustLevel: 0 }\n')
    await hangUp('reloaded')
    expect(await decide(3)).toBe('ALLOW')
  })

  it('by command tells the policy that is in force', async () => {
    const args = ['reload', '--address', core.addresses.socket, '--state-dir', join(folder, 'state')]
    expect(await runCapiscio(args)).toMatchObject({ code: 0, stdout: `In force: policy ${await version()}\n` })
    expect(JSON.parse((await runCapiscio([...args, '--json'])).stdout)).toEqual({ policyVersion: await version() })
  })

  it.each([
    ['policy.yaml', 'version: 7\n'],
    ['jwks.json', '{}'],
    [join('state', 'local-revocations.jsonl'), '{"jti":7}\n'],
  ])('refuses a broken %s, which it names, and everything stays as it was', async (name, broken) => {
    const file = join(folder, name)
    const good = await readFile(file, 'utf8')
    const before = await version()
    // All or nothing: a good change beside the broken one is not taken up either.
    const policyText = await readFile(policy(), 'utf8')
    await writeFile(policy(), `${policyText}tools: [{ match: ["list_*"], deny: true }]\n`)
    await writeFile(file, broken)
    const refusedBefore = await reloads('refused')
    const loggedBefore = core.output().length
    const error = await operator.call(AdminService.method.reload, {}).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: status.FAILED_PRECONDITION, details: expect.stringContaining(name) })
    expect(await reloads('refused')).toBe(refusedBefore + 1)
    const logged = () => core.output().slice(loggedBefore).split('\n')
    await expect.poll(() => logged().find((line) => line.includes('"event":"reload_refused"'))).toContain(name)
    await hangUp('reload_refused')
    expect(await version()).toBe(before)
    expect(await decide(4)).toBe('BADGE_REVOKED')
    await writeFile(file, good)
    await writeFile(policy(), policyText)
    await operator.call(AdminService.method.reload, {})
    expect(await decide(3)).toBe('ALLOW')
  })
})

describe('after a restart, with an issuer that takes connections and answers nothing', () => {
  it('what was revoked is revoked, and what is not known is denied', async () => {
    await stop()
    registry.hang = true
    await start()
    expect(await decide(2)).toBe('BADGE_REVOKED')
    expect(await decide(0)).toBe('BADGE_REVOKED')
    // The stored list is fresh, but nobody says that the agent is active.
    expect(await Promise.all(Array.from({ length: 40 }, () => decide(3)))).toEqual(
      Array(40).fill('STATUS_CHECK_FAILED'),
    )
    expect(await registry.connections()).toBeLessThanOrEqual(8)
    registry.hang = false
    await expect.poll(() => decide(3), { timeout: 20_000 }).toBe('ALLOW')
  })
})
