import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { IssuedBadge } from '../../domain/registry/issuance.ts'
import type { StoredChallenge, SubjectKind } from '../../ports/registry-store.ts'
import { authenticate } from './authenticate.ts'
import { badgeRequestShape, decideMode, toBadgeRequest } from './badge-request.ts'
import { clientAddress } from './client-address.ts'
import type { RegistryServices } from './registry-services.ts'
import { readBody } from './request-body.ts'
import { isoSeconds, isoTime } from './times.ts'

const challengeShape = badgeRequestShape
  .pick({ ttl: true, badge_ttl: true, duration: true, audience: true, badge_aud: true })
  .extend({ challenge_ttl: z.number().nullish() })

const proofShape = z.object({ challenge_id: z.string().max(128).nullish(), proof_jws: z.string().nullish() })

/** Badges and challenges (registry.md §3 to §5), under every path that clients use. */
export function issuanceRoutes(services: RegistryServices): Hono {
  const { issuance, issuer, requireMode } = services

  async function issueOrRedeem(context: Context, kind: SubjectKind, reference: string): Promise<Response> {
    const body = await readBody(context, badgeRequestShape)
    if (decideMode(body, requireMode) === 'ial1') return redeem(context, kind, reference, body)
    const caller = await authenticate(context, services)
    const badge = await issuance.issue(caller, kind, reference, toBadgeRequest(body))
    return context.json(badgeBody(badge, issuer, 'Badge issued'))
  }

  async function redeem(
    context: Context,
    kind: SubjectKind,
    reference: string,
    body: z.infer<typeof proofShape>,
  ): Promise<Response> {
    const badge = await issuance.redeem(kind, reference, {
      challengeId: body.challenge_id ?? '',
      proof: body.proof_jws ?? '',
      clientAddress: clientAddress(context, services),
    })
    return context.json(badgeBody(badge, issuer, 'Badge issued with proof of possession'))
  }

  async function challenge(context: Context, kind: SubjectKind, reference: string): Promise<Response> {
    const caller = await authenticate(context, services)
    const body = await readBody(context, challengeShape)
    const { ttlSeconds, audience } = toBadgeRequest(body)
    const made = await issuance.challenge(caller, kind, reference, {
      badgeTtlSeconds: ttlSeconds,
      challengeTtlSeconds: body.challenge_ttl ?? undefined,
      audience,
      clientAddress: clientAddress(context, services),
    })
    return context.json(challengeBody(made))
  }

  const app = new Hono()
  app.post('/v1/agents/:did/badge', (context) => issueOrRedeem(context, 'agent', context.req.param('did')))
  for (const prefix of ['/v1/agents', '/v1/sdk/agents'] as const) {
    app.post(`${prefix}/:did/badge/challenge`, (context) => challenge(context, 'agent', context.req.param('did')))
    app.post(`${prefix}/:did/badge/pop`, async (context) =>
      redeem(context, 'agent', context.req.param('did'), await readBody(context, proofShape)),
    )
  }
  app.post('/v1/sdk/servers/:id/badge', (context) => issueOrRedeem(context, 'server', context.req.param('id')))
  return app
}

/** Flat for RFC-002, wrapped for RFC-003, and in the names of older clients. */
function badgeBody(badge: IssuedBadge, issuer: string, message: string): object {
  const { token, jti, subject, level, ial, confirmedKeyId } = badge
  const expiresAt = isoSeconds(badge.expiresAt)
  return {
    badge: token,
    jti,
    expires_at: expiresAt,
    success: true,
    data: {
      token,
      badge: token,
      jti,
      subject,
      issuer,
      trust_level: String(level),
      trustLevel: String(level),
      issued_at: isoSeconds(badge.issuedAt),
      expires_at: expiresAt,
      expiresAt,
      assurance_level: `IAL-${ial}`,
      ial: String(ial),
      ...(confirmedKeyId !== undefined && { cnf: { kid: confirmedKeyId } }),
    },
    message,
  }
}

/** Both names of what RFC-003 and older clients call differently [C-3]. */
function challengeBody({ id, nonce, expiresAtMs, proofAudience, htu, ...terms }: StoredChallenge): object {
  const expiresAt = isoTime(expiresAtMs)
  return {
    challenge_id: id,
    nonce,
    challenge_expires_at: expiresAt,
    expires_at: expiresAt,
    proof_aud: proofAudience,
    aud: proofAudience,
    htu,
    htm: 'POST',
    ...(terms.badgeAudience.length > 0 && { badge_aud: terms.badgeAudience }),
    badge_ttl: terms.badgeTtlSeconds,
  }
}
