import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { routePath } from 'hono/route'
import { apiKeyRoutes } from './api-key-routes.ts'
import { badgeRoutes } from './badge-routes.ts'
import { answerError, errorBody } from './error-answer.ts'
import { issuanceRoutes } from './issuance-routes.ts'
import { publicRoutes } from './public-routes.ts'
import type { RegistryServices } from './registry-services.ts'
import { MAX_BODY_BYTES } from './request-body.ts'
import { subjectRoutes } from './subject-routes.ts'

/** The registry's HTTP API. Every answer is JSON, errors included. */
export function createRegistryApp(services: RegistryServices): Hono {
  const { report } = services
  const app = new Hono()

  app.use(async (context, next) => {
    await next()
    context.header('x-content-type-options', 'nosniff')
    // Badges, nonces and states belong in no cache; the key set says otherwise itself.
    if (!context.res.headers.has('cache-control')) context.header('cache-control', 'no-store')
    const { method } = context.req
    report({ kind: 'answered', method, route: routePath(context, -1), status: context.res.status })
  })
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (context) =>
        context.json(errorBody('body_too_large', `A body has at most ${MAX_BODY_BYTES} bytes.`), 413),
    }),
  )
  // Literal paths come before those with parameters: `servers/badges/…` is no server.
  const parts = [
    publicRoutes(services),
    badgeRoutes(services),
    issuanceRoutes(services),
    subjectRoutes('agent', services),
    subjectRoutes('server', services),
    apiKeyRoutes(services),
  ]
  for (const part of parts) app.route('/', part)

  app.notFound((context) => context.json(errorBody('not_found', 'There is nothing here. See docs/registry.md.'), 404))
  app.onError((error, context) => answerError(error, context, (cause) => report({ kind: 'fault', cause })))
  return app
}
