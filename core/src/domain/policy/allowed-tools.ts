import { LRUCache } from 'lru-cache'
import { codePointsOf } from './pattern-terms.ts'
import { matchesCodePoints, parseToolPattern } from './tool-pattern.ts'
import { ToolPatternRefused } from './tool-pattern-refused.ts'

/** The tools that a request's `allowed_tools` covers. */
export interface AllowedTools {
  covers(toolName: string): boolean
}

/** Reads `allowed_tools` lists and keeps the last ones compiled: a host sends the same list with every call. */
export interface AllowedToolsCompiler {
  /**
   * An empty list covers every tool. The list is not kept: changing it later changes nothing.
   *
   * @throws {ToolPatternRefused} with the pattern's place in the list
   */
  compile(patterns: readonly string[]): AllowedTools
}

const EVERY_TOOL: AllowedTools = Object.freeze({ covers: () => true })

/**
 * What is kept is bounded by number and by characters, because hosts choose the lists. A
 * list beyond the bound is compiled each time.
 */
export function createAllowedToolsCompiler(bounds: {
  /** Lists to keep. */
  readonly maxLists: number
  /** Characters of all lists kept, as JSON. */
  readonly maxCharacters: number
}): AllowedToolsCompiler {
  const compiled = new LRUCache<string, AllowedTools>({
    max: bounds.maxLists,
    maxSize: bounds.maxCharacters,
    sizeCalculation: (_tools, key) => key.length,
  })
  return {
    compile(patterns) {
      if (patterns.length === 0) return EVERY_TOOL
      const key = JSON.stringify(patterns)
      const known = compiled.get(key)
      if (known !== undefined) return known
      const tools = compileList(patterns)
      compiled.set(key, tools)
      return tools
    },
  }
}

function compileList(texts: readonly string[]): AllowedTools {
  const patterns = texts.map((text, index) => {
    try {
      return parseToolPattern(text)
    } catch (refused) {
      if (!(refused instanceof ToolPatternRefused)) throw refused
      throw new ToolPatternRefused(refused.reason, refused.position, index)
    }
  })
  return Object.freeze({
    covers: (toolName: string) => {
      const name = codePointsOf(toolName)
      return patterns.some((pattern) => matchesCodePoints(pattern, name))
    },
  })
}
