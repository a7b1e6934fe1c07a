import type { Context } from 'hono'

/**
 * Whom limits by address count. Behind a proxy it is the last entry of `X-Forwarded-For`,
 * the one that the proxy itself wrote; the others are whatever the client claimed.
 */
export function clientAddress(context: Context, { behindProxy }: { readonly behindProxy: boolean }): string {
  const forwarded = behindProxy ? context.req.header('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined
  if (forwarded !== undefined && forwarded !== '') return forwarded.slice(0, 64)
  const { incoming } = (context.env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } }
  return incoming?.socket?.remoteAddress ?? 'unknown'
}
