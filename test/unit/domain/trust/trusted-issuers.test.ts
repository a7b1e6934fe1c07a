import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toDidKey } from '../../../../core/src/domain/did/did-key.ts'
import { createTrustedIssuers, type TrustedIssuers } from '../../../../core/src/domain/trust/trusted-issuers.ts'
import { createFakeIssuer } from '../../../fakes/issuer.ts'

const A = 'https://a.example'
const B = 'https://b.example'
const STRANGER = 'https://c.example'
const KEY_1 = toDidKey(createFakeIssuer('1', 1).publicKey)
const KEY_2 = toDidKey(createFakeIssuer('2', 2).publicKey)

const configured = (changes: Partial<Parameters<typeof createTrustedIssuers>[0]> = {}) =>
  createTrustedIssuers({ issuers: [A, B], levelZeroKeys: [], acceptLevelZero: false, ...changes })

/** Everything that can be asked of a trust, answered. */
const trustOf = (issuers: TrustedIssuers) => ({
  origins: [A, B, STRANGER].filter((origin) => issuers.trustsIssuer(origin)),
  keys: [KEY_1, KEY_2].filter((did) => issuers.trustsSelfSigned(did)),
})

describe('the trust of a core', () => {
  it('is exactly what is configured', () => {
    expect(trustOf(configured())).toEqual({ origins: [A, B], keys: [] })
    expect(trustOf(configured({ levelZeroKeys: [KEY_1] }))).toEqual({ origins: [A, B], keys: [KEY_1] })
    expect(trustOf(configured({ acceptLevelZero: true }))).toEqual({ origins: [A, B], keys: [KEY_1, KEY_2] })
  })

  it('is trust in nobody when nothing is configured', () => {
    expect(trustOf(configured({ issuers: [] }))).toEqual({ origins: [], keys: [] })
  })

  it('takes one final slash for none', () => {
    expect(configured({ issuers: [`${A}/`] }).trustsIssuer(A)).toBe(true)
  })

  it.each(['did:web:a.example', 'http://a.example', 'https://a.example/x', 'a.example', ''])(
    'cannot be configured with the issuer %j',
    (issuer) => {
      expect(() => configured({ issuers: [issuer] })).toThrow(TypeError)
    },
  )

  it.each([A, 'did:key:z6Mk', 'did:web:a.example', toDidKey(new Uint8Array(32))])(
    'cannot be configured with the level 0 key %j',
    (key) => {
      expect(() => configured({ levelZeroKeys: [key] })).toThrow(TypeError)
    },
  )

  it.each(['__proto__', 'constructor', 'toString', 'has'])('does not extend to %s', (name) => {
    const issuers = configured({ levelZeroKeys: [KEY_1] })
    expect(issuers.trustsIssuer(name)).toBe(false)
    expect(issuers.trustsSelfSigned(name)).toBe(false)
  })
})

describe('the trust that a request leaves', () => {
  it.each([
    ['every issuer, for an empty list', [], [A, B]],
    ['the listed issuer', [A], [A]],
    ['the issuer listed with a final slash', [`${A}/`], [A]],
    ['the issuer listed as did:web', ['did:web:a.example'], [A]],
    ['both', [B, A, A], [A, B]],
    ['what is known of the list', [A, STRANGER], [A]],
    ['nobody, for a list of strangers', [STRANGER], []],
    ['nobody, for a list of one did:key', [KEY_1], []],
    ['nobody, for an issuer in another case', ['https://A.example'], []],
    ['nobody, for a did:web with a path', ['did:web:a.example:agents'], []],
    ['nobody, for nonsense', ['', '*', '__proto__', 'did:web:', 'a.example', 'http://a.example'], []],
  ])('is %s', (_, list, origins) => {
    expect(trustOf(configured().narrow(list, false)).origins).toEqual(origins)
  })

  describe('at level 0', () => {
    it.each([
      // core accepts, core lists, request accepts, request lists -> keys 1 and 2
      [false, false, false, false, false, false],
      [false, false, true, true, false, false],
      [true, false, false, false, false, false],
      [true, false, true, false, true, true],
      [true, false, false, true, true, false],
      [true, true, true, true, true, true],
      [false, true, false, false, false, false],
      [false, true, true, false, true, false],
      [false, true, false, true, true, false],
      [true, true, false, false, false, false],
    ])(
      'core accepts: %s, core lists key 1: %s, request accepts: %s, request lists key 1: %s => key 1: %s, key 2: %s',
      (accepts, lists, requestAccepts, requestLists, first, second) => {
        const core = configured({ acceptLevelZero: accepts, levelZeroKeys: lists ? [KEY_1] : [] })
        const left = core.narrow(requestLists ? [KEY_1] : [], requestAccepts)
        expect([left.trustsSelfSigned(KEY_1), left.trustsSelfSigned(KEY_2)]).toEqual([first, second])
      },
    )

    it('is trust in nobody when core and request list different keys', () => {
      expect(trustOf(configured({ levelZeroKeys: [KEY_1] }).narrow([KEY_2], false)).keys).toEqual([])
    })
  })
})

describe('the trust that a policy rule leaves', () => {
  it('is the listed issuers, and nobody for an empty list', () => {
    expect(trustOf(configured().onlyIssuers([A, STRANGER])).origins).toEqual([A])
    expect(trustOf(configured({ acceptLevelZero: true }).onlyIssuers([]))).toEqual({ origins: [], keys: [] })
  })

  it('has level 0 only for listed keys', () => {
    const core = configured({ acceptLevelZero: true })
    expect(trustOf(core.onlyIssuers([A]))).toEqual({ origins: [A], keys: [] })
    expect(trustOf(core.onlyIssuers([KEY_2]))).toEqual({ origins: [], keys: [KEY_2] })
    expect(trustOf(configured().onlyIssuers([KEY_2])).keys).toEqual([])
  })
})

describe('narrowing', () => {
  const entry = fc.constantFrom(A, B, STRANGER, KEY_1, KEY_2, 'did:web:b.example', 'nonsense')
  const step = fc.oneof(
    fc.record({ list: fc.array(entry, { maxLength: 3 }), accept: fc.boolean() }),
    fc.record({ only: fc.array(entry, { maxLength: 3 }) }),
  )
  const core = fc.record({
    issuers: fc.subarray([A, B]),
    levelZeroKeys: fc.subarray([KEY_1, KEY_2]),
    acceptLevelZero: fc.boolean(),
  })

  it('never adds, in any order and number of steps, and leaves the value it came from alone', () => {
    fc.assert(
      fc.property(core, fc.array(step, { maxLength: 4 }), (configuration, steps) => {
        let wider = createTrustedIssuers(configuration)
        for (const next of steps) {
          const before = trustOf(wider)
          const narrower = 'only' in next ? wider.onlyIssuers(next.only) : wider.narrow(next.list, next.accept)
          const after = trustOf(narrower)
          expect(before.origins).toEqual(expect.arrayContaining(after.origins))
          expect(before.keys).toEqual(expect.arrayContaining(after.keys))
          expect(trustOf(wider)).toEqual(before)
          wider = narrower
        }
      }),
    )
  })

  it('gives the same in either order', () => {
    fc.assert(
      fc.property(core, step, step, (configuration, first, second) => {
        const apply = (issuers: TrustedIssuers, next: typeof first): TrustedIssuers =>
          'only' in next ? issuers.onlyIssuers(next.only) : issuers.narrow(next.list, next.accept)
        const start = createTrustedIssuers(configuration)
        expect(trustOf(apply(apply(start, first), second))).toEqual(trustOf(apply(apply(start, second), first)))
      }),
    )
  })
})
