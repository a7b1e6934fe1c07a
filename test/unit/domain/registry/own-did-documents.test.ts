import { describe, expect, it } from 'vitest'
import { createOwnDidDocuments } from '../../../../core/src/domain/registry/own-did-documents.ts'
import { createSubjectNames } from '../../../../core/src/domain/registry/subject-names.ts'
import { entry, subjectNamed } from '../../../contract/registry-store.contract.ts'
import { createMemoryDidDocuments } from '../../../fakes/memory-did-documents.ts'
import { createMemoryRegistryStore } from '../../../fakes/memory-registry-store.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

const ISSUER = 'https://registry.example.com'
const OWN = 'did:web:registry.example.com:agents:'

async function setUp() {
  const store = createMemoryRegistryStore(ISSUER)
  for (const subject of [
    subjectNamed('a1'),
    subjectNamed('gone', { status: 'deleted' }),
    subjectNamed('keyed', { did: 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw' }),
  ]) {
    await store.addSubject(subject, entry())
  }
  const others = createMemoryDidDocuments()
  return { others, documents: createOwnDidDocuments(createSubjectNames(ISSUER), store, others) }
}

describe('documents of the registry itself', () => {
  it('come from its store, and nobody else is asked', async () => {
    const { others, documents } = await setUp()
    others.documents.set(`${OWN}a1`, '{"id":"forged"}')
    expect(JSON.parse(await documents.resolve(`${OWN}a1`))).toMatchObject({ id: `${OWN}a1` })
    expect(others.asked).toEqual([])
  })

  it.each(['nobody', 'gone', 'keyed'])('do not exist for %s, whatever others say', async (id) => {
    const { others, documents } = await setUp()
    others.documents.set(OWN + id, '{"id":"forged"}')
    expect(await rejectionOf(documents.resolve(OWN + id))).toBe('SourceUnavailable')
    expect(others.asked).toEqual([])
  })

  it('leave every other DID to others', async () => {
    const { others, documents } = await setUp()
    others.documents.set('did:web:a.example', 'text')
    expect(await documents.resolve('did:web:a.example')).toBe('text')
    documents.forget('did:web:a.example')
    expect(others.forgotten).toEqual(['did:web:a.example'])
  })
})
