import { isObject, isToolName, type Members, own } from './messages.ts'

/** Names of the tools in the result of a `tools/list`, each once. */
export function listedTools(result: Members): readonly string[] {
  const { tools } = result
  if (!Array.isArray(tools)) return []
  return [...new Set(tools.map(nameOf).filter((name) => name !== undefined))]
}

/**
 * The listing with the allowed tools only. It is for this caller alone, so where the era knows
 * caches they are told so. What has no name cannot be called and is not shown.
 */
export function filterListing(result: Members, isAllowed: (name: string) => boolean): Members {
  const { tools = [] } = result
  if (!Array.isArray(tools)) return { ...result, tools: [] }
  const shown = tools.filter((tool) => {
    const name = nameOf(tool)
    return name !== undefined && isAllowed(name)
  })
  const isCacheable = 'ttlMs' in result || 'cacheScope' in result
  return { ...result, tools: shown, ...(isCacheable && { cacheScope: 'private' }) }
}

function nameOf(tool: unknown): string | undefined {
  const name = isObject(tool) ? own(tool, 'name') : undefined
  return isToolName(name) ? name : undefined
}
