import type { DecidedGuardConfig, GuardConfig } from '@capiscio/proto/sdk'
import { decideGuardConfig, GUARD_CONFIG_NAMES, readOptions } from '@capiscio/proto/sdk'

/** What a server demands for each of its tools. */
export interface ToolDemands {
  /** Tools with demands of their own. */
  readonly names: readonly string[]
  for(toolName: string): DecidedGuardConfig | undefined
}

/**
 * Checks and copies demands by tool name. A tool without its own has the default's; a tool with
 * its own has those alone, so that a more lenient tool can be named. The core's policy holds for
 * all of them either way.
 *
 * @throws TypeError naming the first member that is unknown or wrong.
 */
export function decideToolDemands(
  tools: Readonly<Record<string, GuardConfig>> | undefined,
  fallback: GuardConfig | undefined,
): ToolDemands {
  const decided = fallback === undefined ? undefined : decide(fallback, 'defaults')
  const byName = new Map(
    Object.entries(tools ?? {}).map(([name, config]) => [name, decide(config, `tools[${JSON.stringify(name)}]`)]),
  )
  return { names: [...byName.keys()], for: (toolName) => byName.get(toolName) ?? decided }
}

function decide(config: GuardConfig, what: string): DecidedGuardConfig {
  return decideGuardConfig(readOptions(config, GUARD_CONFIG_NAMES, what))
}
