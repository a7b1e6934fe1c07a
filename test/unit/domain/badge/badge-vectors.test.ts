import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createNodeEd25519Verifier } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { createNodeEs256Verifier } from '../../../../core/src/adapters/crypto/node-es256.ts'
import { createBadgeVerifier } from '../../../../core/src/domain/badge/badge-verifier.ts'
import { createTrustedIssuers } from '../../../../core/src/domain/trust/trusted-issuers.ts'
import type { Ed25519Verifier } from '../../../../core/src/ports/ed25519.ts'
import { createNobleEd25519Verifier } from '../../../../sdk-browser/src/verify/noble-ed25519.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { createMemoryBadgeStatus } from '../../../fakes/memory-badge-status.ts'
import { createMemoryDidDocuments } from '../../../fakes/memory-did-documents.ts'
import { createMemoryIssuerKeys } from '../../../fakes/memory-issuer-keys.ts'
import {
  type BadgeVector,
  type BadgeVectorFile,
  type BadgeVectorSetting,
  badgeVectorFiles,
} from '../../../tools/make-badge-vectors.ts'

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'vectors', 'badges')

const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')

/** The level 0 badge of the specification (badges.md §18). */
const GOLDEN =
  'eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6ImRpZDprZXk6ejZNa3R3dXBkbUxYVlZxVHpDdzRpNDZyNHVHeW9zR1hSblIzWGpONFpxN29NTXN3I3o2TWt0d3VwZG1MWFZWcVR6Q3c0aTQ2cjR1R3lvc0dYUm5SM1hqTjRacTdvTU1zdyJ9.eyJqdGkiOiI1NTBlODQwMC1lMjliLTQxZDQtYTcxNi00NDY2NTU0NDAwMDAiLCJpc3MiOiJkaWQ6a2V5Ono2TWt0d3VwZG1MWFZWcVR6Q3c0aTQ2cjR1R3lvc0dYUm5SM1hqTjRacTdvTU1zdyIsInN1YiI6ImRpZDprZXk6ejZNa3R3dXBkbUxYVlZxVHpDdzRpNDZyNHVHeW9zR1hSblIzWGpONFpxN29NTXN3IiwiaWF0IjoxNzMzNzg4ODAwLCJleHAiOjE3MzM3ODkxMDAsImlhbCI6IjAiLCJrZXkiOnsia3R5IjoiT0tQIiwiY3J2IjoiRWQyNTUxOSIsIngiOiIxMXFZQVlLeENyZlZTXzdUeVdRSE9nN2hjdlBhcGlNbHJ3SWFhUGNIVVJvIn0sInZjIjp7InR5cGUiOlsiVmVyaWZpYWJsZUNyZWRlbnRpYWwiLCJBZ2VudElkZW50aXR5Il0sImNyZWRlbnRpYWxTdWJqZWN0Ijp7ImxldmVsIjoiMCJ9fX0.dhQK3IrsxUMygbkox4E7WnYHzDf8j42Wj768sJpU24HxCHm_kOzFSzqsOE_sRUahZACDJ3O4_oDvPwm31CpzAQ'

async function judge(setting: BadgeVectorSetting, token: string, ed25519: Ed25519Verifier): Promise<unknown> {
  const issuerKeys = createMemoryIssuerKeys()
  for (const [issuer, { keys }] of Object.entries(setting.jwks)) issuerKeys.publish(issuer, keys)
  const didDocuments = createMemoryDidDocuments()
  for (const [did, document] of Object.entries(setting.didDocuments)) {
    didDocuments.documents.set(did, JSON.stringify(document))
  }
  const status = createMemoryBadgeStatus()
  for (const jti of setting.revoked) status.revoked.add(jti)
  for (const did of setting.inactiveAgents) status.disabled.add(did)
  if (setting.unanswered.includes('revocation')) status.unanswerable.add('isRevoked')
  if (setting.unanswered.includes('agent-status')) status.unanswerable.add('isAgentActive')
  const verifier = createBadgeVerifier({
    ed25519,
    ...(setting.allowEs256 && { es256: createNodeEs256Verifier({ maxKeys: 10 }) }),
    issuerKeys,
    status,
    didDocuments,
    clock: createFixedClock(setting.now * 1000),
    telemetry: { badgeCache: () => undefined, warning: () => undefined },
    options: {
      cacheMaxEntries: 10,
      cacheMaxBytes: 100_000,
      rejectReservedIssuers: setting.rejectReservedIssuers,
      requireKey: setting.requireKey,
      allowMissingTyp: setting.allowMissingTyp,
    },
  })
  const issuers = createTrustedIssuers({
    issuers: setting.trustedIssuers,
    levelZeroKeys: setting.levelZeroKeys,
    acceptLevelZero: setting.acceptLevelZero,
  })
  const audience = { own: setting.audience, required: setting.requireAudience, alsoOneOf: [] }
  return verifier.verify(token, { issuers, audience }).catch((error: unknown) => error)
}

describe.each([
  ['natively', createNodeEd25519Verifier({ maxKeys: 10 })],
  ['without a native implementation', createNobleEd25519Verifier()],
])('with signatures checked %s', (_, ed25519) => {
  describe.each(['rfc-002.json', 'further.json'])('the vectors of %s', (name) => {
    const { setting, vectors } = JSON.parse(read(name)) as BadgeVectorFile

    it.each(vectors.map((vector): [string, string, BadgeVector] => [vector.id, vector.comment, vector]))(
      '%s (%s)',
      async (_id, _comment, vector) => {
        const outcome = await judge({ ...setting, ...vector }, vector.token, ed25519)
        if (vector.expected === 'ACCEPT') expect(outcome).toMatchObject(vector.claims ?? {})
        else expect(outcome).toMatchObject({ name: 'BadgeRefused', code: vector.expected })
      },
    )
  })

  it('the golden badge is accepted from 60 seconds before it was issued until 59 seconds after its end', async () => {
    const { setting } = JSON.parse(read('rfc-002.json')) as BadgeVectorFile
    const did = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'
    const at = (now: number) => judge({ ...setting, levelZeroKeys: [did], now }, GOLDEN, ed25519)
    for (const now of [1_733_788_740, 1_733_789_159]) expect(await at(now)).toMatchObject({ level: 0, subject: did })
    expect(await at(1_733_788_739)).toMatchObject({ code: 'BADGE_NOT_YET_VALID' })
    expect(await at(1_733_789_160)).toMatchObject({ code: 'BADGE_EXPIRED' })
  })
})

describe('the vector files', () => {
  it('are what their generator writes', () => {
    const files = badgeVectorFiles()
    for (const [name, text] of files) expect(read(name)).toBe(text)
  })

  it('hold all sixteen cases of the specification, and the golden badge', () => {
    const { vectors } = JSON.parse(read('rfc-002.json')) as BadgeVectorFile
    expect(vectors.map(({ id }) => id)).toEqual(
      Array.from({ length: 16 }, (_, index) => `TV-${String(index + 1).padStart(3, '0')}`),
    )
    expect(vectors.find(({ id }) => id === 'TV-012')?.token).toBe(GOLDEN)
  })

  it('give every case an id of its own', () => {
    const { vectors } = JSON.parse(read('further.json')) as BadgeVectorFile
    expect(new Set(vectors.map(({ id }) => id)).size).toBe(vectors.length)
  })
})
