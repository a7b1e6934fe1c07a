import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { BadgeRefused } from '../../../../core/src/domain/badge/badge-refused.ts'
import { createBadgeWorld, demandsOf, ISSUER } from '../../../fakes/badge-world.ts'
import { sharedVectors } from '../../../tools/shared-vectors.ts'

interface WycheproofFile {
  readonly numberOfTests: number
  readonly testGroups: readonly {
    readonly public?: { readonly keys?: readonly object[] }
    readonly private: { readonly keys?: readonly object[] }
    readonly tests: readonly { readonly tcId: number; readonly comment: string; readonly jws: unknown }[]
  }[]
}

const FILES = ['json_web_signature_test.json', 'json_web_key_test.json', 'json_web_crypto_test.json']
const paths = FILES.map((name) => sharedVectors(`wycheproof/${name}`))
if (paths.includes(undefined)) console.info('Wycheproof vectors are not beside the project: their suite is skipped')

describe.skipIf(paths.includes(undefined))('the JWS of Wycheproof, none of which is a badge', () => {
  it.each(FILES)('are refused, valid or not, without another exception: %s', async (name) => {
    const file = JSON.parse(readFileSync(sharedVectors(`wycheproof/${name}`) ?? '', 'utf8')) as WycheproofFile
    const world = createBadgeWorld()
    const verifier = world.verifier()
    let tests = 0
    for (const { public: publicKeys, private: privateKeys, tests: cases } of file.testGroups) {
      const keys = publicKeys ?? privateKeys
      world.issuerKeys.publish(ISSUER, keys.keys ?? [keys])
      for (const { jws, tcId, comment } of cases) {
        // Some cases are JSON serializations; a caller can only ever hand over a text.
        const token = typeof jws === 'string' ? jws : JSON.stringify(jws)
        const outcome = await verifier.verify(token, demandsOf()).catch((error: unknown) => error)
        expect(outcome, `${tcId} ${comment}`).toBeInstanceOf(BadgeRefused)
        tests++
      }
    }
    expect(tests).toBe(file.numberOfTests)
  })
})

const cookbook = sharedVectors('jose-cookbook/rfc8037_ed25519_jws.json')
if (cookbook === undefined) console.info('The JOSE cookbook is not beside the project: its suite is skipped')

describe.skipIf(cookbook === undefined)('the Ed25519 JWS of RFC 8037, genuine and no badge', () => {
  it('is refused in all three serializations', async () => {
    const { input, output } = JSON.parse(readFileSync(cookbook ?? '', 'utf8'))
    const world = createBadgeWorld()
    const { d: _, ...jwk } = input.key
    world.issuerKeys.publish(ISSUER, [jwk])
    for (const form of [output.compact, JSON.stringify(output.json), JSON.stringify(output.json_flat)]) {
      const outcome = await world
        .verifier()
        .verify(form, demandsOf())
        .catch((error: unknown) => error)
      expect(outcome).toMatchObject({ name: 'BadgeRefused', code: 'BADGE_MALFORMED' })
    }
  })
})
