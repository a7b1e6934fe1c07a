import { Hono } from 'hono'
import { z } from 'zod'
import type { StoredApiKey } from '../../ports/registry-store.ts'
import { authenticate } from './authenticate.ts'
import type { RegistryServices } from './registry-services.ts'
import { readBody } from './request-body.ts'
import { isoTime } from './times.ts'

const newKeyShape = z.object({
  name: z.string().max(64),
  account: z.string().max(64).nullish(),
  scopes: z.array(z.string().max(64)).max(16),
})

/** Whose keys are they where nobody says. */
export const DEFAULT_ACCOUNT = 'default'

/** API keys, for administrators. */
export function apiKeyRoutes(services: RegistryServices): Hono {
  const { accessKeys } = services
  const app = new Hono()

  app.get('/v1/admin/api-keys', async (context) => {
    const caller = await authenticate(context, services)
    return context.json({ success: true, data: (await accessKeys.list(caller)).map(apiKeyBody) })
  })

  app.post('/v1/admin/api-keys', async (context) => {
    const caller = await authenticate(context, services)
    const { name, account, scopes } = await readBody(context, newKeyShape)
    const { key, stored } = await accessKeys.create(caller, { name, accountId: account ?? DEFAULT_ACCOUNT, scopes })
    return context.json({ success: true, data: { ...apiKeyBody(stored), key }, message: 'Shown only now' }, 201)
  })

  app.post('/v1/admin/api-keys/:name/revoke', async (context) => {
    await accessKeys.revoke(await authenticate(context, services), context.req.param('name'))
    return context.json({ success: true, message: 'The API key was revoked' })
  })
  return app
}

/** A key without anything that lets somebody in. */
export function apiKeyBody({ name, accountId, scopes, createdAtMs, revokedAtMs }: StoredApiKey) {
  return {
    name,
    account: accountId,
    scopes,
    createdAt: isoTime(createdAtMs),
    revokedAt: revokedAtMs === undefined ? null : isoTime(revokedAtMs),
  }
}
