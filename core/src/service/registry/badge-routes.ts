import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { BadgeRefused } from '../../domain/badge/badge-refused.ts'
import { RegistryRefused } from '../../domain/registry/registry-refused.ts'
import type { StoredBadge } from '../../ports/registry-store.ts'
import { authenticate } from './authenticate.ts'
import { errorBody } from './error-answer.ts'
import type { RegistryServices } from './registry-services.ts'
import { readBody } from './request-body.ts'
import { isoSeconds, isoTime } from './times.ts'

/** Most entries of one page of the list of revocations. */
const MAX_PAGE = 1000

export const reasonShape = z.object({ reason: z.string().max(500).nullish() })

const tokenShape = z.object({ token: z.string().nullish() })

/** Badges after they were issued (registry.md §6.3 to §6.5, §6.8). */
export function badgeRoutes(services: RegistryServices): Hono {
  const { badges } = services

  const status = async (context: Context, jti: string): Promise<Response> =>
    context.json(statusBody(await badges.status(jti)))

  async function revoke(context: Context, jti: string): Promise<Response> {
    const caller = await authenticate(context, services)
    const { reason } = await readBody(context, reasonShape)
    return context.json(statusBody(await badges.revoke(caller, jti, reason ?? undefined)))
  }

  const app = new Hono()
  app.get('/v1/badges/:jti/status', (context) => status(context, context.req.param('jti')))
  app.get('/v1/servers/badges/:jti/status', (context) => status(context, context.req.param('jti')))
  app.post('/v1/badges/:jti/revoke', (context) => revoke(context, context.req.param('jti')))
  app.post('/v1/sdk/servers/badges/:jti/revoke', (context) => revoke(context, context.req.param('jti')))

  app.get('/v1/revocations', async (context) => {
    const { since, limit, cursor } = context.req.query()
    const page = await badges.revocations({ sinceMs: parseSince(since), limit: parseLimit(limit), cursor })
    return context.json({
      revocations: page.revocations.map(({ jti, atMs, reason }) => ({ jti, revokedAt: isoTime(atMs), reason })),
      nextCursor: page.nextCursor,
      syncedAt: isoTime(page.syncedAtMs),
    })
  })

  app.post('/v1/validate', async (context) => {
    const { token } = await readBody(context, tokenShape)
    const bearer = /^Bearer +(\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1]
    const badge = token ?? context.req.header('x-capiscio-badge') ?? bearer
    if (badge === undefined) throw new RegistryRefused('invalid_request', 'Send the badge as token.')
    try {
      const { subject, issuer, jti, level, ial, ...rest } = await services.verifyBadge(badge)
      const claims = {
        jti,
        iss: issuer,
        sub: subject,
        aud: rest.audience,
        iat: rest.issuedAt,
        exp: rest.expiresAt,
        ial: String(ial),
        trust_level: String(level),
        trustLevel: String(level),
        domain: rest.domain,
      }
      return context.json({ success: true, data: { valid: true, claims }, valid: true, claims })
    } catch (error) {
      if (!(error instanceof BadgeRefused)) throw error
      return context.json({ ...errorBody(error.code, error.message), error_code: error.code, valid: false }, 401)
    }
  })
  return app
}

function statusBody({ jti, subject, expiresAt, revocation }: StoredBadge): object {
  const end = isoSeconds(expiresAt)
  return {
    jti,
    sub: subject,
    revoked: revocation !== undefined,
    expires_at: end,
    expiresAt: end,
    ...(revocation !== undefined && { revokedAt: isoTime(revocation.atMs), reason: revocation.reason }),
  }
}

/** An RFC 3339 time with its zone; a day alone would mean different times to different readers. */
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/

function parseSince(text: string | undefined): number {
  if (text === undefined) return 0
  // A plus sign that was not escaped arrives as a space.
  const written = text.replace(' ', '+')
  const atMs = TIME.test(written) ? Date.parse(written) : Number.NaN
  if (!Number.isNaN(atMs)) return Math.floor(atMs)
  throw new RegistryRefused('invalid_request', 'since is a time such as 2026-01-01T00:00:00Z.')
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return MAX_PAGE
  if (/^[1-9][0-9]{0,6}$/.test(text)) return Math.min(Number(text), MAX_PAGE)
  throw new RegistryRefused(
    'invalid_request',
    `limit is a whole number from 1; at most ${MAX_PAGE} entries come at a time.`,
  )
}
