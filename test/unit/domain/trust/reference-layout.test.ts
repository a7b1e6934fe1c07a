import { describe, expect, it } from 'vitest'
import { readReferenceLayout } from '../../../../core/src/domain/trust/reference-layout.ts'
import { ownerOf } from '../../../../core/src/domain/trust/trusted-key.ts'
import { sampleKey } from '../../../tools/sample-keys.ts'

const DETAILS = { addedAtMs: 7, metadata: new Map<string, string>() }
const ISSUER = 'https://registry.example.com'

const jwk = (kid: unknown, seed = 1, more: object = {}) => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: sampleKey(seed).x,
  kid,
  ...more,
})

function read(files: Readonly<Record<string, unknown>>) {
  const texts = Object.entries(files).map(([name, file]) => ({
    name,
    text: typeof file === 'string' ? file : JSON.stringify(file),
  }))
  const { keys, problems } = readReferenceLayout(texts, DETAILS)
  return {
    keys: keys.map((key) => `${ownerOf(key)} ${key.kid}`),
    all: keys,
    problems: problems.map(({ name }) => name),
  }
}

describe('the older layout', () => {
  it('gives each issuer the keys that it lists', () => {
    const { keys, all, problems } = read({
      'issuers.json': { [ISSUER]: ['ca-1', 'ca-2'], 'https://b.example/': ['ca-1'] },
      'ca-1.jwk': jwk('ca-1'),
      'ca-2.jwk': jwk('ca-2', 2, { alg: 'EdDSA', use: 'sig' }),
    })
    expect(keys).toEqual([`${ISSUER} ca-1`, `${ISSUER} ca-2`, 'https://b.example ca-1'])
    expect(all.map(({ publicKey }) => publicKey)).toEqual([1, 2, 1].map((seed) => sampleKey(seed).publicKey))
    expect(all[0]).toMatchObject({ kind: 'issuer', addedAtMs: 7 })
    expect(problems).toEqual([])
  })

  it('finds a key whose id has characters that no file name had', () => {
    const { keys, problems } = read({ 'issuers.json': { [ISSUER]: ['a/b:c'] }, 'a_b_c.jwk': jwk('a/b:c') })
    expect([keys, problems]).toEqual([[`${ISSUER} a/b:c`], []])
  })

  it('does not take one key for another where two ids met in one file', () => {
    const { keys, problems } = read({ 'issuers.json': { [ISSUER]: ['a/b', 'a:b'] }, 'a_b.jwk': jwk('a:b') })
    expect([keys, problems]).toEqual([[`${ISSUER} a:b`], ['a_b.jwk']])
  })

  it('takes a key that no issuer lists for the key of the agent that it is named after', () => {
    const { did } = sampleKey(3)
    const { keys, all, problems } = read({ 'did_key_x.jwk': jwk(did, 3) })
    expect(problems).toEqual([])
    expect(keys).toEqual([`${did} ${did}#${did.slice('did:key:'.length)}`])
    expect(all[0]?.kind).toBe('agent')
  })

  it('takes an issuer that lists it as its only owner, whatever the key is called', () => {
    const { did } = sampleKey(3)
    const name = `${did.replaceAll(':', '_')}.jwk`
    expect(read({ 'issuers.json': { [ISSUER]: [did] }, [name]: jwk(did, 3) }).keys).toEqual([`${ISSUER} ${did}`])
  })

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['a key that nobody owns', { 'k.jwk': jwk('k') }, 'k.jwk'],
    ['a key without a name', { 'k.jwk': jwk(undefined) }, 'k.jwk'],
    ["a key under another agent's name", { 'k.jwk': jwk(sampleKey(3).did, 2) }, 'k.jwk'],
    [
      'a private key of an issuer',
      { 'issuers.json': { [ISSUER]: ['k'] }, 'k.jwk': jwk('k', 1, { d: 'AAAA' }) },
      'k.jwk',
    ],
    ['a private key of an agent', { 'k.jwk': jwk(sampleKey(1).did, 1, { d: 'AAAA' }) }, 'k.jwk'],
    ['a key that is not there', { 'issuers.json': { [ISSUER]: ['k'] } }, 'k.jwk'],
    ['an issuer that is none', { 'issuers.json': { 'registry.example.com': ['k'] }, 'k.jwk': jwk('k') }, 'k.jwk'],
    ['a key of another kind', { 'issuers.json': { [ISSUER]: ['k'] }, 'k.jwk': { kty: 'RSA', kid: 'k' } }, 'k.jwk'],
    ['a file that is no JSON', { 'k.jwk': '{' }, 'k.jwk'],
    ['a list of issuers that is no JSON', { 'issuers.json': '{' }, 'issuers.json'],
    ['an issuer whose keys are no list', { 'issuers.json': { [ISSUER]: 'k' } }, 'issuers.json'],
    ['an issuer whose key ids are no texts', { 'issuers.json': { [ISSUER]: [1] } }, 'issuers.json'],
  ])('names %s as a problem, and takes no key from it', (_what, files, problem) => {
    expect(read(files)).toMatchObject({ keys: [], problems: [problem] })
  })

  it('goes on beside a problem', () => {
    const { keys, problems } = read({
      'issuers.json': { [ISSUER]: ['bad', 'good'], 'https://b.example': 5 },
      'bad.jwk': '[]',
      'good.jwk': jwk('good'),
    })
    expect(keys).toEqual([`${ISSUER} good`])
    expect([...problems].sort()).toEqual(['bad.jwk', 'issuers.json'])
  })
})
