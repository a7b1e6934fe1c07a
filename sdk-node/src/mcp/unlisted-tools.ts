import { isObject, listedTools } from '@capiscio/proto/mcp'
import type { RequestHandler } from './guard-requests.ts'

/** Names come from the server's own options, so there are few. */
const told = new Set<string>()

/**
 * Tells once of each tool that the server demands something for and does not list: a name with
 * a typo in it leaves the tool that was meant to the defaults.
 */
export function tellUnlisted(handler: RequestHandler, demanded: readonly string[]): RequestHandler {
  if (demanded.length === 0) return handler
  return async (request, context) => {
    const result = await handler(request, context)
    if (!isObject(result) || !isWhole(request.params, result)) return result
    const listed = listedTools(result)
    for (const name of demanded) if (!listed.includes(name)) tell(name)
    return result
  }
}

/** Whether it is the only page. */
function isWhole(params: unknown, { nextCursor }: { readonly nextCursor?: unknown }): boolean {
  return nextCursor === undefined && (!isObject(params) || params.cursor === undefined)
}

function tell(name: string): void {
  if (told.has(name)) return
  told.add(name)
  process.emitWarning(
    `protectServer was told what the tool ${JSON.stringify(name)} demands, and the server lists no such tool: is this its name?`,
    { code: 'CAPISCIO_TOOL_UNLISTED' },
  )
}
