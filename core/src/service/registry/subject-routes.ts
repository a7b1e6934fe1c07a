import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { RegistryRefused } from '../../domain/registry/registry-refused.ts'
import type { SubjectKind } from '../../ports/registry-store.ts'
import { authenticate } from './authenticate.ts'
import { reasonShape } from './badge-routes.ts'
import type { RegistryServices } from './registry-services.ts'
import { readBody } from './request-body.ts'
import { claimOf, claimRequest, descriptionOf, statusBody, subjectBody, subjectShape } from './subject-body.ts'

const levelShape = z.object({
  level: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)]),
  domain: z.string().max(253).nullish(),
})

/**
 * Records of agents or of MCP servers (registry.md §10), whether they may act (§6.6, §6.7),
 * and their trust level, which only an administrator sets.
 */
export function subjectRoutes(kind: SubjectKind, services: RegistryServices): Hono {
  const { subjects, issuer } = services
  const collection = `${kind}s`
  const app = new Hono()

  app.get(`/v1/sdk/${collection}`, async (context) => {
    const caller = await authenticate(context, services)
    return context.json({ success: true, data: (await subjects.list(caller, kind)).map(subjectBody) })
  })

  app.post(`/v1/sdk/${collection}`, async (context) => {
    const caller = await authenticate(context, services)
    const body = await readBody(context, subjectShape)
    const { name } = body
    if (name == null || name.trim() === '') throw new RegistryRefused('invalid_request', `The ${kind} needs a name.`)
    const description = { ...descriptionOf(body), name }
    const request = claimRequest(issuer, 'POST', collection)
    const made = await subjects.create(caller, kind, body.id ?? undefined, description, claimOf(body), request)
    return context.json({ success: true, data: subjectBody(made), message: `The ${kind} was created` }, 201)
  })

  app.get(`/v1/sdk/${collection}/:id`, async (context) => {
    const caller = await authenticate(context, services)
    return context.json({ success: true, data: subjectBody(await subjects.get(caller, kind, context.req.param('id'))) })
  })

  app.put(`/v1/sdk/${collection}/:id`, async (context) => {
    const id = context.req.param('id')
    const caller = await authenticate(context, services)
    const body = await readBody(context, subjectShape)
    const request = claimRequest(issuer, 'PUT', collection, id)
    const stored = await subjects.update(caller, kind, id, descriptionOf(body), claimOf(body), request)
    return context.json({ success: true, data: subjectBody(stored), message: `The ${kind} was updated` })
  })

  app.patch(`/v1/sdk/${collection}/:id/identity`, async (context) => {
    const id = context.req.param('id')
    const caller = await authenticate(context, services)
    const claim = claimOf(await readBody(context, subjectShape))
    if (claim.did === undefined && claim.publicKey === undefined) {
      throw new RegistryRefused('invalid_request', 'An identity is a did and a publicKey.')
    }
    const request = claimRequest(issuer, 'PATCH', collection, id, 'identity')
    const stored = await subjects.update(caller, kind, id, {}, claim, request)
    return context.json({ success: true, data: subjectBody(stored), message: 'The identity is bound' })
  })

  app.delete(`/v1/sdk/${collection}/:id`, async (context) => {
    await subjects.delete(await authenticate(context, services), kind, context.req.param('id'))
    return context.json({ success: true, message: `The ${kind} was deleted` })
  })

  app.get(`/v1/${collection}/:did/status`, async (context) =>
    context.json(statusBody(await subjects.status(kind, context.req.param('did')))),
  )

  async function disable(context: Context, reference: string): Promise<Response> {
    const caller = await authenticate(context, services)
    const { reason } = await readBody(context, reasonShape)
    return context.json(statusBody(await subjects.disable(caller, kind, reference, reason ?? undefined)))
  }

  async function enable(context: Context, reference: string): Promise<Response> {
    const caller = await authenticate(context, services)
    return context.json(statusBody(await subjects.enable(caller, kind, reference)))
  }

  const stateOf = kind === 'agent' ? '/v1/agents' : '/v1/sdk/servers'
  app.post(`${stateOf}/:did/disable`, (context) => disable(context, context.req.param('did')))
  app.post(`${stateOf}/:did/enable`, (context) => enable(context, context.req.param('did')))

  app.put(`/v1/admin/${collection}/:did/level`, async (context) => {
    const caller = await authenticate(context, services)
    const { level, domain } = await readBody(context, levelShape)
    const stored = await subjects.setLevel(caller, kind, context.req.param('did'), level, domain ?? undefined)
    return context.json({ success: true, data: subjectBody(stored), message: `The level is ${level}` })
  })
  return app
}
