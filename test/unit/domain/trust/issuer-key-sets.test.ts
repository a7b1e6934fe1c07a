import { describe, expect, it } from 'vitest'
import { createIssuerKeySets } from '../../../../core/src/domain/trust/issuer-key-sets.ts'
import { createFakeIssuer } from '../../../fakes/issuer.ts'
import { createMemoryIssuerKeys } from '../../../fakes/memory-issuer-keys.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

const ISSUER = 'https://registry.example.com'
const A = createFakeIssuer('a', 1)
const B = createFakeIssuer('b', 2)

describe('the key sets of issuers', () => {
  it('are parsed once per version', async () => {
    const source = createMemoryIssuerKeys()
    const sets = createIssuerKeySets(source)
    source.publish(ISSUER, [A.jwk])
    const first = await sets.current(ISSUER)
    expect((await sets.current(ISSUER)).keys).toBe(first.keys)
    expect(source.asked).toEqual([ISSUER, ISSUER])

    source.publish(ISSUER, [B.jwk])
    const second = await sets.current(ISSUER)
    expect(second.keys.map(({ kid }) => kid)).toEqual(['b'])
    expect(second.version).not.toBe(first.version)
  })

  it('are kept apart by issuer, even when versions are equal', async () => {
    const sets = createIssuerKeySets({
      keySet: async (issuer) => ({ version: '1', jwks: JSON.stringify({ keys: [{ ...A.jwk, kid: issuer }] }) }),
      freshenFor: () => Promise.reject(new Error('not asked for')),
    })
    for (const issuer of ['x', 'y', 'x']) {
      expect((await sets.current(issuer)).keys.map(({ kid }) => kid)).toEqual([issuer])
    }
  })

  it('are newer when they are freshened', async () => {
    const source = createMemoryIssuerKeys()
    const sets = createIssuerKeySets(source)
    source.publish(ISSUER, [A.jwk])
    source.publishUnseen(ISSUER, [B.jwk])
    expect((await sets.current(ISSUER)).keys.map(({ kid }) => kid)).toEqual(['a'])
    expect((await sets.freshenedFor(ISSUER, 'b')).keys.map(({ kid }) => kid)).toEqual(['b'])
    expect((await sets.current(ISSUER)).keys.map(({ kid }) => kid)).toEqual(['b'])
  })

  it('reject while a broken set is published, and recover with the next one', async () => {
    const source = createMemoryIssuerKeys()
    const sets = createIssuerKeySets(source)
    source.publishText(ISSUER, 'not json')
    const refusals = [1, 2].map(() => sets.current(ISSUER).catch((error: unknown) => error))
    const [first, second] = await Promise.all(refusals)
    expect(first).toMatchObject({ name: 'TrustRefused', code: 'JWKS_MALFORMED' })
    // The very same refusal: a broken set of a megabyte is not read again for every badge.
    expect(second).toBe(first)
    source.publish(ISSUER, [A.jwk])
    expect((await sets.current(ISSUER)).keys).toHaveLength(1)
  })

  it('reject when there are none, although there were', async () => {
    const source = createMemoryIssuerKeys()
    const sets = createIssuerKeySets(source)
    source.publish(ISSUER, [A.jwk])
    await sets.current(ISSUER)
    source.takeAway(ISSUER)
    expect(await rejectionOf(sets.current(ISSUER))).toBe('SourceUnavailable')
    expect(await rejectionOf(sets.freshenedFor(ISSUER, 'a'))).toBe('SourceUnavailable')
  })
})
