import { create } from '@bufbuild/protobuf'
import { DIDService } from '@capiscio/proto/v1'
import { describe, expect, it } from 'vitest'
import { createDidService } from '../../../../core/src/service/v1/did-service.ts'
import { callUnary } from '../../../tools/call-unary.ts'

const KEY = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'
const service = createDidService()
const { parse, newAgentDID, newCapiscIOAgentDID, documentURL, isAgentDID } = DIDService.method

describe('Parse', () => {
  it.each([
    ['did:web:example.com', { method: 'web', domain: 'example.com', path: [], fragment: '' }],
    ['did:web:Example.com%3A8443:a:b', { method: 'web', domain: 'example.com:8443', path: ['a', 'b'], fragment: '' }],
    [
      'did:web:a.example:agents:b#key-1',
      { method: 'web', domain: 'a.example', path: ['agents', 'b'], fragment: 'key-1' },
    ],
    [`${KEY}#${KEY.slice(8)}`, { method: 'key', domain: '', path: [], fragment: KEY.slice(8) }],
    ['did:example:123', { method: 'example', domain: '', path: [], fragment: '' }],
  ])('%s', async (did, parts) => {
    expect(await callUnary(service, parse, { did })).toMatchObject({ errorMessage: '', did: { raw: did, ...parts } })
  })

  it.each([
    '',
    'web:a.example',
    'did:web:',
    'did:web:10.0.0.1',
    'did:web:a.example:..',
    'did:key:z6Mk',
    'did:web:a.example#',
    'did:web:a.example#a#b',
    'did:web:a.example#a b',
    'did:web:a.example/path',
    'did:web:a.example?x',
  ])('says what is wrong with %j', async (did) => {
    const answer = await callUnary(service, parse, { did })
    expect(answer.did).toBeUndefined()
    expect(answer.errorMessage).not.toBe('')
  })
})

describe('NewAgentDID', () => {
  it('makes the DID of an agent', async () => {
    expect(await callUnary(service, newAgentDID, { domain: 'a.example', agentId: 'b' })).toMatchObject({
      did: 'did:web:a.example:agents:b',
      errorMessage: '',
    })
    expect(await callUnary(service, newCapiscIOAgentDID, { agentId: 'b' })).toMatchObject({
      did: 'did:web:registry.capisc.io:agents:b',
      errorMessage: '',
    })
  })

  it('says what it cannot make', async () => {
    for (const answer of [
      await callUnary(service, newAgentDID, { domain: 'a.example', agentId: '../x' }),
      await callUnary(service, newAgentDID, { domain: '', agentId: 'b' }),
      await callUnary(service, newCapiscIOAgentDID, {}),
    ]) {
      expect(answer.did).toBe('')
      expect(answer.errorMessage).not.toBe('')
    }
  })
})

describe('DocumentURL', () => {
  it('is under .well-known for a DID without path', async () => {
    expect((await callUnary(service, documentURL, { did: 'did:web:a.example' })).url).toBe(
      'https://a.example/.well-known/did.json',
    )
    expect((await callUnary(service, documentURL, { did: 'did:web:a.example:agents:b' })).url).toBe(
      'https://a.example/agents/b/did.json',
    )
  })

  it.each([KEY, 'did:key:x', 'did:example:a', 'did:web:10.0.0.1', ''])('there is none for %j', async (did) => {
    const { url, errorMessage } = await callUnary(service, documentURL, { did })
    expect(url).toBe('')
    expect(errorMessage).not.toBe('')
  })

  it('is told apart for a did:key, which needs none', async () => {
    expect((await callUnary(service, documentURL, { did: KEY })).errorMessage).toContain('its own document')
    expect((await callUnary(service, documentURL, { did: 'did:key:x' })).errorMessage).not.toContain('its own document')
  })
})

describe('IsAgentDID', () => {
  it('knows agents from the rest', async () => {
    expect(await callUnary(service, isAgentDID, { did: 'did:web:a.example:agents:b' })).toMatchObject({
      isAgentDid: true,
      agentId: 'b',
    })
    for (const did of ['did:web:a.example:servers:b', 'nonsense']) {
      expect(await callUnary(service, isAgentDID, { did })).toMatchObject({ isAgentDid: false, agentId: '' })
    }
  })
})

it('survives messages with nothing in them', async () => {
  for (const method of Object.values(DIDService.method)) {
    await callUnary(service, method, create(method.input) as never)
  }
})
