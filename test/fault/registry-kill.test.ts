import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { toDidKey } from '../../core/src/domain/did/did-key.ts'
import { agentKey, proofClaims, proofHeader, START_MS, startRegistryWorld } from '../fakes/registry-world.ts'

const PROGRAM = join(import.meta.dirname, '..', 'tools', 'killed-registry.ts')

const STEPS = ['before-commit', 'after-commit', 'before-log', 'after-log', 'before-answer'] as const

/** Sends one request to a registry that dies of it. */
async function askAndKill(
  folder: string,
  step: string,
  method: string,
  path: string,
  request: RequestInit,
): Promise<void> {
  const child = spawn(process.execPath, [PROGRAM, folder, step], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise<string | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
  for await (const url of createInterface({ input: child.stdout })) {
    const answer = await fetch(url + path, { method, ...request }).catch(() => 'no answer')
    expect(answer).toBe('no answer')
  }
  expect(await exited).toBe('SIGKILL')
}

/** A registry that was stopped, with one agent. */
async function prepare() {
  const world = await startRegistryWorld()
  const agent = agentKey(1)
  const did = await world.addAgent('a1', agent)
  await world.call('POST', '/v1/sdk/servers', { body: { id: 's1', name: 's1' } })
  const challenge = await world.challenge(did)
  const records = world.records().length
  await world.registry.stop()
  const { folder, adminKey } = world
  return {
    existing: { folder, adminKey },
    agent,
    did,
    challenge,
    records,
    headers: { 'x-capiscio-registry-key': adminKey },
  }
}

const idsOf = (records: readonly Readonly<Record<string, unknown>>[], event: string): Set<unknown> =>
  new Set(records.filter((record) => record['event.name'] === `capiscio.registry.${event}`).map(({ id }) => id))

describe.each(STEPS)('a registry that is killed %s', (step) => {
  const isCommitted = step !== 'before-commit'

  it('gave one badge for a challenge or none, and its log tells which', async () => {
    const { existing, agent, did, challenge, headers } = await prepare()
    try {
      const proof = () => agent.sign(proofHeader(`${did}#key-1`), proofClaims(challenge, did, START_MS))
      const body = () => JSON.stringify({ mode: 'ial1', challenge_id: challenge.challenge_id, proof_jws: proof() })
      const path = `/v1/agents/${did}/badge`
      await askAndKill(existing.folder, step, 'POST', path, { headers, body: body() })
      await using world = await startRegistryWorld({ existing })
      expect(idsOf(world.records(), 'badge_issued').size).toBe(isCommitted ? 1 : 0)
      const again = await world.outcome('POST', path, { key: 'none', body: body() })
      expect(again).toBe(isCommitted ? '403 challenge_used' : '200')
      const issued = world.records().filter((record) => record['event.name'] === 'capiscio.registry.badge_issued')
      expect(idsOf(issued, 'badge_issued').size).toBe(1)
      const jti = issued[0]?.['io.capisc.registry.jti']
      expect(await world.outcome('GET', `/v1/badges/${jti}/status`)).toBe('200')
    } finally {
      rmSync(existing.folder, { recursive: true, force: true })
    }
  })

  it('bound one identity or none, and never a second one', async () => {
    const { existing, headers } = await prepare()
    try {
      const [first, second] = [agentKey(2), agentKey(3)].map((key) => ({ did: toDidKey(key.publicKey) }))
      const path = '/v1/sdk/servers/s1'
      await askAndKill(existing.folder, step, 'PUT', path, { headers, body: JSON.stringify(first) })
      await using world = await startRegistryWorld({ existing })
      expect(idsOf(world.records(), 'server_identity_bound').size).toBe(isCommitted ? 1 : 0)
      expect(await world.outcome('PUT', path, { body: first })).toBe('200')
      expect(await world.outcome('PUT', path, { body: second })).toBe('409 identity_already_set')
      expect((await world.call('GET', path)).body.data.did).toBe(first?.did)
      expect(idsOf(world.records(), 'server_identity_bound').size).toBe(1)
    } finally {
      rmSync(existing.folder, { recursive: true, force: true })
    }
  })
})
