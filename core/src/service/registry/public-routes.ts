import { Hono } from 'hono'
import { RegistryRefused } from '../../domain/registry/registry-refused.ts'
import { errorBody } from './error-answer.ts'
import type { RegistryServices } from './registry-services.ts'

/** What everybody may read: keys, DID documents, health (registry.md §6.1, §6.2, §11.3). */
export function publicRoutes({ jwks, didDocument, notReadyReasons }: RegistryServices): Hono {
  const app = new Hono()

  app.get('/.well-known/jwks.json', (context) => {
    context.header('cache-control', 'public, max-age=300')
    return context.json(jwks())
  })

  for (const kind of ['agent', 'server'] as const) {
    app.get(`/${kind}s/:id/did.json`, async (context) => {
      const document = await didDocument(kind, context.req.param('id'))
      if (document === undefined) {
        throw new RegistryRefused(`${kind}_not_found`, `This registry has no document for this ${kind}.`)
      }
      return context.body(JSON.stringify(document), 200, { 'content-type': 'application/did+json' })
    })
  }

  app.get('/health', (context) => context.json({ status: 'ok' }))
  app.get('/health/ready', async (context) => {
    const reasons = await notReadyReasons()
    if (reasons.length === 0) return context.json({ status: 'ready' })
    return context.json({ ...errorBody('not_ready', reasons.join(' ')), reasons }, 503)
  })
  return app
}
