import { resolve } from 'node:path'
import { type ConfigFile, MAX_CONFIG_BYTES, parseConfigFile } from './config-file.ts'
import type { ConfigFlags, CoreCommand } from './config-flags.ts'
import { type ConfigProblem, ConfigRefused } from './config-refused.ts'
import type { ConfigSources } from './config-sources.ts'
import { type DecidedConfig, decideConfig } from './decide-config.ts'
import { ENVIRONMENT_NAMES, readEnvironment } from './environment.ts'
import { parseFilePath } from './file-path.ts'
import { readBoundedFile } from './read-bounded-file.ts'
import { ValueRefused } from './value-refused.ts'

export interface LoadConfigOptions {
  readonly command: CoreCommand
  readonly flags: ConfigFlags
  readonly env: Readonly<Record<string, string | undefined>>
  /** Working folder. Default: that of the process. */
  readonly cwd?: string
}

export interface LoadedConfig extends DecidedConfig {
  /** Absolute path of the configuration file, if there is one. */
  readonly configFile: string | undefined
}

/**
 * Reads environment and file and decides the configuration, in one go.
 *
 * @throws {ConfigRefused} with every problem, those of the file and those beside it
 */
export function loadConfig({ command, flags, env, cwd = process.cwd() }: LoadConfigOptions): LoadedConfig {
  const environment = readEnvironment(env)
  const home = environment.home === undefined ? undefined : resolve(cwd, environment.home)
  const sources = { command, flags, environment, cwd, home }
  const fileProblems: ConfigProblem[] = []
  let path: string | undefined
  let file: ConfigFile | undefined
  try {
    path = configPath(sources)
    file = path === undefined ? undefined : parseConfigFile(readConfigText(path, flags), path)
  } catch (refused) {
    if (!(refused instanceof ConfigRefused)) throw refused
    fileProblems.push(...refused.problems)
  }
  const decided = decideBeside(fileProblems, { ...sources, file })
  return Object.freeze({ ...decided, configFile: path })
}

/** What is wrong beside a refused file is said too, unless only the missing file makes it wrong. */
function decideBeside(fileProblems: readonly ConfigProblem[], sources: ConfigSources): DecidedConfig {
  try {
    const decided = decideConfig(sources)
    if (fileProblems.length === 0) return decided
  } catch (refused) {
    if (!(refused instanceof ConfigRefused) || fileProblems.length === 0) throw refused
    const own = refused.problems.filter(({ code, source }) => code === 'VALUE_INVALID' && source !== 'default')
    throw new ConfigRefused([...fileProblems, ...own])
  }
  throw new ConfigRefused(fileProblems)
}

function configPath({ flags, environment, cwd, home }: Omit<ConfigSources, 'file'>): string | undefined {
  const written = flags.config ?? environment.configFile
  if (written === undefined) return undefined
  try {
    return parseFilePath(written, cwd, home)
  } catch (refused) {
    if (!(refused instanceof ValueRefused)) throw refused
    throw new ConfigRefused([{ code: 'VALUE_INVALID', source: configSource(flags), reason: refused.message }])
  }
}

function readConfigText(path: string, flags: ConfigFlags): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readBoundedFile(path, MAX_CONFIG_BYTES))
    return text
  } catch (cause) {
    const reason = `The file ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new ConfigRefused([{ code: 'FILE_UNREADABLE', source: configSource(flags), reason }], { cause })
  }
}

function configSource(flags: ConfigFlags): string {
  return flags.config === undefined ? ENVIRONMENT_NAMES.configFile : '--config'
}
