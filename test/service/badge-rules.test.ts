import { CoreService } from '@capiscio/proto/core/v1'
import { describe, expect, it } from 'vitest'
import { createBadgeWorld, HEADER, ISSUER, type Payload } from '../fakes/badge-world.ts'
import { createFakeEs256Issuer } from '../fakes/es256-issuer.ts'
import { startCoreInProcess } from '../tools/core-in-process.ts'

const world = createBadgeWorld()
const ec = createFakeEs256Issuer('ec-1', 7n)
const now = Math.floor(Date.now() / 1000)
const claims = (changes: Payload = {}) => world.payload({ iat: now, exp: now + 600, aud: undefined, ...changes })

const BADGES = {
  usual: world.ca.sign(HEADER, claims()),
  'without key': world.ca.sign(HEADER, claims({ key: undefined })),
  'without typ': world.ca.sign({ ...HEADER, typ: undefined }, claims()),
  'signed with ES256': ec.sign({ ...HEADER, alg: 'ES256', kid: 'ec-1' }, claims()),
  'of another type': world.ca.sign({ ...HEADER, typ: 'pop+jws' }, claims()),
}

const REFUSED = {
  usual: undefined,
  'without key': 'BADGE_CLAIMS_INVALID',
  'without typ': 'BADGE_MALFORMED',
  'signed with ES256': 'BADGE_MALFORMED',
  'of another type': 'BADGE_MALFORMED',
}

async function reasons(switches: string, keys: readonly object[]): Promise<Record<string, unknown>> {
  const issuers = JSON.stringify([{ issuer: ISSUER, keys: { keys } }])
  await using core = await startCoreInProcess('dev', `trust: { issuers: ${issuers}${switches} }\n`)
  const answers: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(BADGES)) {
    const credential = { case: 'badgeJws' as const, value }
    const { decision } = await core.client.call(CoreService.method.evaluateToolAccess, { toolName: 'a', credential })
    const record = JSON.parse(Buffer.from(decision?.leaf ?? []).toString()) as Record<string, unknown>
    answers[name] = record['io.capisc.reason']
  }
  return answers
}

describe('a core reads badges', () => {
  it('strictly when nothing is said', async () => {
    expect(await reasons('', [world.ca.jwk])).toEqual(REFUSED)
  })

  it.each([
    ['without key', 'requireKey: false', [world.ca.jwk]],
    ['without typ', 'allowMissingTyp: true', [world.ca.jwk]],
    ['signed with ES256', 'allowEs256: true', [world.ca.jwk, ec.jwk]],
  ] as const)('%s where the configuration says %s, and no others', async (badge, setting, keys) => {
    expect(await reasons(`, ${setting}`, keys)).toEqual({ ...REFUSED, [badge]: undefined })
  })
})
