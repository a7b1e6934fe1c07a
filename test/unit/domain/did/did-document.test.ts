import { describe, expect, it } from 'vitest'
import { findVerificationKey } from '../../../../core/src/domain/did/did-document.ts'
import { refusalOf } from '../../../tools/refusal.ts'
import { fromHex } from '../../../tools/weak-keys.ts'

const DID = 'did:web:registry.example.com:agents:a'
const KID = `${DID}#key-1`
const KEY = fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
const MULTIBASE = 'z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'
const JWK = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
const METHOD = { id: KID, type: 'Ed25519VerificationKey2020', controller: DID, publicKeyMultibase: MULTIBASE }
const OTHER = { ...METHOD, id: `${DID}#key-2`, publicKeyMultibase: 'z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK' }

const find = (document: unknown, kid = KID) => findVerificationKey(JSON.stringify(document), DID, kid)

describe('the key of a DID document', () => {
  it.each([
    ['in multibase', { id: DID, verificationMethod: [METHOD] }],
    ['as JWK', { id: DID, verificationMethod: [{ id: KID, type: 'JsonWebKey2020', publicKeyJwk: JWK }] }],
    ['among others', { id: DID, verificationMethod: ['x', null, 7, [], {}, OTHER, METHOD] }],
    ['under a relative id', { id: DID, verificationMethod: [{ ...METHOD, id: '#key-1' }] }],
    ['embedded in authentication', { id: DID, authentication: [METHOD] }],
    ['listed, and referred to', { id: DID, verificationMethod: [METHOD], authentication: [KID, '#key-1'] }],
  ])('is found %s', (_, document) => {
    expect(find(document)).toEqual(KEY)
  })

  it('is found in the document that a registry serves', () => {
    const served = {
      '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/suites/ed25519-2020/v1'],
      id: DID,
      verificationMethod: [METHOD],
      authentication: [KID],
      assertionMethod: [KID],
      service: [{ id: `${DID}#agent`, type: 'AgentService', serviceEndpoint: 'https://agent.example.com' }],
    }
    expect(find(served)).toEqual(KEY)
  })

  it.each([
    ['another key', `${DID}#key-3`],
    ['the bare fragment', '#key-1'],
    ['another case', `${DID}#Key-1`],
    ['another spelling', `${DID}#key%2D1`],
    ['a part of the id', `${DID}#key-`],
    ['the DID itself', DID],
    ['a query', `${DID}?a#key-1`],
    ['__proto__', '__proto__'],
  ])('is not found under %s', (_, kid) => {
    expect(refusalOf(() => find({ id: DID, verificationMethod: [METHOD] }, kid))).toBe('DidRefused DID_KEY_NOT_FOUND')
  })

  it.each([
    ['there are no methods', { id: DID }],
    ['it is only referred to', { id: DID, authentication: [KID] }],
    ['it is only embedded in assertionMethod', { id: DID, assertionMethod: [METHOD] }],
    ['a relative id belongs to another DID', { id: DID, verificationMethod: [{ ...METHOD, id: 'did:web:b.c#key-1' }] }],
    ['ids are not texts', { id: DID, verificationMethod: [{ ...METHOD, id: [KID] }] }],
  ])('is not found when %s', (_, document) => {
    expect(refusalOf(() => find(document))).toBe('DidRefused DID_KEY_NOT_FOUND')
  })

  it.each([
    ['listed twice', { id: DID, verificationMethod: [METHOD, { ...OTHER, id: KID }] }],
    ['listed twice with the same key', { id: DID, verificationMethod: [METHOD, METHOD] }],
    ['listed and embedded', { id: DID, verificationMethod: [METHOD], authentication: [{ ...OTHER, id: '#key-1' }] }],
  ])('is refused when its id is %s', (_, document) => {
    expect(refusalOf(() => find(document))).toBe('DidRefused DID_KEY_AMBIGUOUS')
  })

  it.each([
    ['another DID', { id: `${DID}b`, verificationMethod: [METHOD] }],
    ['no DID', { verificationMethod: [METHOD] }],
    ['its DID in another case', { id: DID.toUpperCase(), verificationMethod: [METHOD] }],
  ])('is refused when the document is about %s', (_, document) => {
    expect(refusalOf(() => find(document))).toBe('DidRefused DID_DOCUMENT_MISMATCH')
  })

  it('is found in a document of 64 KiB, and not in a longer one', () => {
    const short = JSON.stringify({ id: DID, verificationMethod: [METHOD], pad: '' })
    const ofLength = (length: number): string =>
      short.replace('"pad":""', `"pad":"${'x'.repeat(length - short.length)}"`)
    expect(findVerificationKey(ofLength(65_536), DID, KID)).toEqual(KEY)
    expect(refusalOf(() => findVerificationKey(ofLength(65_537), DID, KID))).toBe('DidRefused DID_DOCUMENT_MALFORMED')
  })

  it.each([
    ['no JSON', '<html>'],
    ['an array', '[]'],
    ['repeating a name', `{"id":"${DID}","id":"${DID}"}`],
    ['listing methods in an object', JSON.stringify({ id: DID, verificationMethod: METHOD })],
    ['listing no methods', JSON.stringify({ id: DID, verificationMethod: null })],
    ['referring in a text', JSON.stringify({ id: DID, verificationMethod: [METHOD], authentication: KID })],
  ])('is refused when the document is %s', (_, text) => {
    expect(refusalOf(() => findVerificationKey(text, DID, KID))).toBe('DidRefused DID_DOCUMENT_MALFORMED')
  })

  it.each([
    ['there is none', { id: KID }],
    ['it is in two forms', { ...METHOD, publicKeyJwk: JWK }],
    ['it is of another kind', { id: KID, publicKeyMultibase: 'z6LShs9GGnqk85isEBzzshkuVWrVKsRp24GnDuHk8QWkARMW' }],
    ['its text is cut', { id: KID, publicKeyMultibase: MULTIBASE.slice(0, -1) }],
    ['it is in an older form', { id: KID, publicKeyBase58: '4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS' }],
    ['it is no text', { id: KID, publicKeyMultibase: [MULTIBASE] }],
  ])('is refused when %s', (_, method) => {
    expect(refusalOf(() => find({ id: DID, verificationMethod: [method] }))).toBe('DidRefused KEY_MALFORMED')
  })

  it('is refused when its private half is published', () => {
    const method = { id: KID, publicKeyJwk: { ...JWK, d: 'x' } }
    expect(refusalOf(() => find({ id: DID, verificationMethod: [method] }))).toBe('DidRefused KEY_PRIVATE')
  })
})
