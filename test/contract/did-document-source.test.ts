import { createDidWebDocuments } from '../../core/src/domain/did/did-web-documents.ts'
import { createFixedClock } from '../fakes/fixed-clock.ts'
import { createMemoryDidDocuments } from '../fakes/memory-did-documents.ts'
import { createMemoryWeb, JSON_TYPE } from '../fakes/memory-web.ts'
import { describeDidDocumentSource } from './did-document-source.contract.ts'

describeDidDocumentSource('the web', () => {
  const http = createMemoryWeb()
  return {
    source: createDidWebDocuments({ http, clock: createFixedClock(0), namespaces: new Map(), allowLocalhost: false }),
    publish(did, body) {
      const [, , host, ...path] = did.split(':')
      http.pages.set(`https://${host}/${path.join('/')}/did.json`, { headers: JSON_TYPE, body })
    },
  }
})

describeDidDocumentSource('memory', () => {
  const source = createMemoryDidDocuments()
  return { source, publish: (did, document) => void source.documents.set(did, document) }
})
