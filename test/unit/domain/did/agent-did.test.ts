import { describe, expect, it } from 'vitest'
import { agentIdOf, createAgentDid } from '../../../../core/src/domain/did/agent-did.ts'
import { didDocumentUrl } from '../../../../core/src/domain/did/did-document-url.ts'
import { parseDidWeb } from '../../../../core/src/domain/did/did-web.ts'
import { refusalOf } from '../../../tools/refusal.ts'

describe('the DID of an agent', () => {
  it.each([
    ['registry.example.com', 'my-agent-001', 'did:web:registry.example.com:agents:my-agent-001'],
    ['Registry.Example.COM', 'A_1.b', 'did:web:registry.example.com:agents:A_1.b'],
    ['localhost:8080', 'a', 'did:web:localhost%3A8080:agents:a'],
    ['a.example', 'x'.repeat(128), `did:web:a.example:agents:${'x'.repeat(128)}`],
  ])('at %s with id %s', (domain, id, did) => {
    expect(createAgentDid(domain, id)).toBe(did)
    expect(agentIdOf(did)).toBe(id)
  })

  it.each(['', '.', '..', 'a/b', 'a:b', 'a#b', 'a b', 'a%2fb', '-a', 'a-', 'ä', 'x'.repeat(129)])(
    'has no id %j',
    (id) => {
      expect(refusalOf(() => createAgentDid('a.example', id))).toBe('DidRefused DID_MALFORMED')
    },
  )

  it.each([
    '',
    'a',
    '10.0.0.1',
    'a.example/x',
    'a.example:agents:b',
    'a.example:',
    'a.example:99999',
    'a.example:8080:agents:b',
    'a.example%3A8080',
    'a b.example',
    'https://a.example',
    'a.example#',
    '%61.example',
  ])('has no domain %j', (domain) => {
    expect(refusalOf(() => createAgentDid(domain, 'a'))).toBe('DidRefused DID_MALFORMED')
  })

  it.each([
    'did:web:a.example',
    'did:web:a.example:agents',
    'did:web:a.example:servers:b',
    'did:web:a.example:agents:b:c',
    'did:web:a.example:x:agents:b',
    'did:web:a.example:Agents:b',
    'did:web:10.0.0.1:agents:b',
    'did:web:a.example:agents:b#key-1',
    'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw',
    '',
  ])('is not %s', (did) => {
    expect(agentIdOf(did)).toBeUndefined()
  })
})

describe('the document of a did:web', () => {
  it.each([
    ['did:web:example.com', 'https://example.com/.well-known/did.json'],
    ['did:web:example.com:a:b', 'https://example.com/a/b/did.json'],
    ['did:web:registry.capisc.io:agents:my-agent-001', 'https://registry.capisc.io/agents/my-agent-001/did.json'],
    ['did:web:example.com%3A443', 'https://example.com/.well-known/did.json'],
    ['did:web:example.com%3A8443:a', 'https://example.com:8443/a/did.json'],
  ])('%s is at %s', (did, url) => {
    expect(didDocumentUrl(parseDidWeb(did))).toBe(url)
  })
})
