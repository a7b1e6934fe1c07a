import type { IncomingMessage } from 'node:http'
import type { BadgeAuthInfo } from './badge-auth-info.ts'

/** A request of Express or of Node itself. Under a mount path Express keeps the whole one in `originalUrl`. */
export type NodeRequestLike = IncomingMessage & { originalUrl?: string; auth?: unknown }

/** What middleware for Hono needs of its context. */
export interface HonoContextLike {
  readonly req: { readonly raw: Request }
  res: Response
  header(name: string, value: string, options?: { append?: boolean }): void
  set(key: string, value: unknown): void
}

/**
 * A request handler in the web's own form. Those of the MCP SDK take options, among them who
 * calls; others ignore them.
 */
export type FetchHandler<O> = (
  request: Request,
  options?: O & { authInfo?: BadgeAuthInfo },
) => Response | Promise<Response>
