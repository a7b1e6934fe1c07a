import { describe, expect, it } from 'vitest'
import { checkAudience } from '../../../../core/src/domain/badge/audience.ts'
import { refusalOf } from '../../../tools/refusal.ts'

const ME = 'https://api.example.com'
const ALIAS = 'urn:capiscio:trust-domain:finance-us'
const RULE = 'https://billing.example.com'
const OTHER = 'https://other.example'

const PASSES = { returned: undefined }
const MISMATCH = 'BadgeRefused BADGE_AUDIENCE_MISMATCH'

interface Row {
  readonly aud: readonly string[] | undefined
  readonly own?: readonly string[]
  readonly required?: boolean
  readonly rules?: readonly (readonly string[])[]
}

const check = ({ aud, own = [], required = false, rules = [] }: Row) =>
  refusalOf(() => checkAudience(aud, { own, required, alsoOneOf: rules }))

describe('a badge without audience', () => {
  it.each<[string, Row]>([
    ['a verifier without name', { aud: undefined }],
    ['a verifier with a name', { aud: undefined, own: [ME] }],
  ])('passes at %s', (_, row) => {
    expect(check(row)).toEqual(PASSES)
  })

  it.each<[string, Row]>([
    ['an audience is required', { aud: undefined, own: [ME], required: true }],
    ['an audience is required of a verifier without name', { aud: undefined, required: true }],
    ['a rule asks for one', { aud: undefined, own: [ME], rules: [[RULE]] }],
    ['a rule asks for one of nobody', { aud: undefined, rules: [[]] }],
  ])('is refused when %s', (_, row) => {
    expect(check(row)).toBe(MISMATCH)
  })
})

describe('a badge with an audience', () => {
  it.each<[string, Row]>([
    ['names the verifier', { aud: [ME], own: [ME] }],
    ['names the verifier among others', { aud: [OTHER, ME], own: [ME] }],
    ['names one of the names of the verifier', { aud: [ALIAS], own: [ME, ALIAS] }],
    ['names the verifier, as required', { aud: [ME], own: [ME], required: true }],
    ['names what the rule asks for, at a verifier without name', { aud: [RULE], rules: [[RULE, OTHER]] }],
    ['names verifier and rule', { aud: [RULE, ME], own: [ME], rules: [[RULE]] }],
    [
      'names one entry that meets both',
      {
        aud: [ME],
        own: [ME],
        rules: [
          [ME, RULE],
          [OTHER, ME],
        ],
      },
    ],
    ['names one entry for each rule', { aud: [RULE, OTHER], rules: [[RULE], [OTHER]] }],
  ])('passes when it %s', (_, row) => {
    expect(check(row)).toEqual(PASSES)
  })

  it.each<[string, Row]>([
    ['names somebody else', { aud: [OTHER], own: [ME] }],
    ['names nobody', { aud: [], own: [ME] }],
    ['names nobody, at a verifier without name', { aud: [] }],
    ['names nobody, and a rule asks for somebody', { aud: [], rules: [[RULE]] }],
    ['meets a verifier without name', { aud: [ME] }],
    ['meets a verifier without name that requires one', { aud: [ME], required: true }],
    ['names the verifier in another case', { aud: ['https://API.example.com'], own: [ME] }],
    ['names the verifier with a final slash', { aud: [`${ME}/`], own: [ME] }],
    ['names a part of the verifier', { aud: ['https://api.example'], own: [ME] }],
    ['names the verifier but not the rule', { aud: [ME], own: [ME], rules: [[RULE]] }],
    ['names the rule but not the verifier', { aud: [RULE], own: [ME], rules: [[RULE]] }],
    ['meets only one of two rules', { aud: [RULE], rules: [[RULE], [OTHER]] }],
    ['meets a rule that nobody meets', { aud: [ME], own: [ME], rules: [[]] }],
    ['names __proto__', { aud: ['__proto__'], own: [ME] }],
  ])('is refused when it %s', (_, row) => {
    expect(check(row)).toBe(MISMATCH)
  })
})
