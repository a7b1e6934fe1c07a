import { createServer } from 'node:net'
import { CoreService, Outcome } from '@capiscio/proto/core/v1'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Profile } from '../../core/src/config/config.ts'
import { hashApiKey } from '../../core/src/domain/guard/api-keys.ts'
import { createBadgeWorld, HEADER, type Payload, vcOf } from '../fakes/badge-world.ts'
import { type CoreInProcess, startCoreInProcess } from '../tools/core-in-process.ts'

/**
 * A core of each profile (badges.md §13) whose every outbound source fails: nobody listens
 * where issuers, status services and DID documents should be.
 */

const world = createBadgeWorld()
const now = Math.floor(Date.now() / 1000)
const TIMES = { iat: now, exp: now + 600, aud: undefined }

/** Its keys are pinned. */
const PINNED = 'https://pinned.example.com'
/** Its keys are fetched. */
const FETCHED = 'https://fetched.example.com'
const SUBJECT = 'did:web:pinned.example.com:agents:a'

const badge = (changes: Payload): string => world.ca.sign(HEADER, world.payload({ ...TIMES, sub: SUBJECT, ...changes }))
const levelOf = (level: string): string => badge({ iss: PINNED, vc: vcOf(level, { domain: 'a.example' }) })
const confirmed = (sub: string, kid: string): string => badge({ iss: PINNED, sub, ial: '1', cnf: { kid } })

const BADGES = {
  'level 1': levelOf('1'),
  'level 2': levelOf('2'),
  'level 4': levelOf('4'),
  'level 2, keys by URL': badge({ iss: FETCHED }),
  'level 2, confirmed by a did:web': confirmed(SUBJECT, `${SUBJECT}#key-1`),
  'level 2, confirmed by its did:key': confirmed(
    world.agentDidKey,
    `${world.agentDidKey}#${world.agentDidKey.slice('did:key:'.length)}`,
  ),
  'level 0, listed': world.selfSigned(TIMES),
} as const

type Caller = keyof typeof BADGES | 'an API key' | 'nobody'

const ALLOW = 'ALLOW'
const EXPECTED: Readonly<Record<Profile, Readonly<Record<Caller, string>>>> = {
  // Fixtures stand in for revocation and status; what has to be fetched cannot be had.
  dev: {
    'level 1': ALLOW,
    'level 2': ALLOW,
    'level 4': ALLOW,
    'level 2, keys by URL': 'ISSUER_UNTRUSTED',
    'level 2, confirmed by a did:web': 'BADGE_CLAIMS_INVALID',
    'level 2, confirmed by its did:key': ALLOW,
    'level 0, listed': ALLOW,
    'an API key': ALLOW,
    nobody: ALLOW,
  },
  // Level 1 may pass without fresh knowledge, with a warning; from level 2 on doubt denies (§9.2).
  'connected-prod': {
    'level 1': ALLOW,
    'level 2': 'STATUS_CHECK_FAILED',
    'level 4': 'STATUS_CHECK_FAILED',
    'level 2, keys by URL': 'ISSUER_UNTRUSTED',
    'level 2, confirmed by a did:web': 'BADGE_CLAIMS_INVALID',
    'level 2, confirmed by its did:key': 'STATUS_CHECK_FAILED',
    'level 0, listed': ALLOW,
    'an API key': ALLOW,
    nobody: ALLOW,
  },
  // The same for what should have been brought along and was not.
  'air-gapped': {
    'level 1': ALLOW,
    'level 2': 'STATUS_CHECK_FAILED',
    'level 4': 'STATUS_CHECK_FAILED',
    'level 2, keys by URL': 'ISSUER_UNTRUSTED',
    'level 2, confirmed by a did:web': 'BADGE_CLAIMS_INVALID',
    'level 2, confirmed by its did:key': 'STATUS_CHECK_FAILED',
    'level 0, listed': ALLOW,
    'an API key': ALLOW,
    nobody: ALLOW,
  },
}

/** A port of this machine where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function configuration(profile: Profile, port: number): string {
  const nowhere = `https://127.0.0.1:${port}`
  const keys = JSON.stringify({ keys: [world.ca.jwk] })
  const places = { dev: `didNamespaceUrl: "${nowhere}"`, 'air-gapped': '' }
  const pinnedPlaces = { ...places, 'connected-prod': `apiUrl: "${nowhere}", didNamespaceUrl: "${nowhere}"` }[profile]
  const issuers = [`{ issuer: "${PINNED}", keys: ${keys}${pinnedPlaces && `, ${pinnedPlaces}`} }`]
  if (profile !== 'air-gapped') issuers.push(`{ issuer: "${FETCHED}", jwksUrl: "${nowhere}/jwks.json" }`)
  return [
    'trust:',
    `  issuers: [${issuers.join(', ')}]`,
    `  levelZeroKeys: ["${world.agentDidKey}"]`,
    `apiKeys: [{ name: alice, hash: "${hashApiKey('open sesame')}" }]`,
    '',
  ].join('\n')
}

describe.each(['dev', 'connected-prod', 'air-gapped'] as const)('profile %s without a network', (profile) => {
  let core: CoreInProcess

  beforeAll(async () => {
    core = await startCoreInProcess(profile, configuration(profile, await closedPort()))
  })

  afterAll(() => core[Symbol.asyncDispose]())

  it.each(Object.entries(EXPECTED[profile]) as [Caller, string][])('answers %s with %s', async (caller, expected) => {
    const credential = (() => {
      if (caller === 'nobody') return { case: undefined }
      if (caller === 'an API key') return { case: 'apiKey' as const, value: 'open sesame' }
      return { case: 'badgeJws' as const, value: BADGES[caller] }
    })()
    const { decision } = await core.client.call(CoreService.method.evaluateToolAccess, {
      toolName: 'read_rows',
      credential,
      config: { acceptLevelZero: true },
    })
    const record = JSON.parse(Buffer.from(decision?.leaf ?? []).toString()) as Record<string, unknown>
    expect(record['io.capisc.reason'] ?? record['capiscio.decision']).toBe(expected)
    expect(decision?.outcome).toBe(expected === ALLOW ? Outcome.ALLOW : Outcome.DENY)
  })
})
