import type { ConfigFile } from './config-file.ts'
import type { ConfigFlags, CoreCommand } from './config-flags.ts'
import type { Environment } from './environment.ts'

/** Everything that a configuration is decided from. */
export interface ConfigSources {
  readonly command: CoreCommand
  readonly flags: ConfigFlags
  readonly environment: Environment
  readonly file: ConfigFile | undefined
  /** Working folder, absolute. */
  readonly cwd: string
  /** Home folder, absolute. Absent when there is none; then every folder must be configured. */
  readonly home: string | undefined
}

/** What the listeners, and what protects them, are decided from. */
export type ListenSources = Omit<ConfigSources, 'cwd'>
