import { join } from 'node:path'
import { type Config, LOG_LEVELS, type LogLevel, type Profile } from './config.ts'
import type { ConfigFile } from './config-file.ts'
import type { ConfigOrigin } from './config-origin.ts'
import { ConfigRefused } from './config-refused.ts'
import type { ConfigSources } from './config-sources.ts'
import { decideEnforcementMode } from './decide-enforcement-mode.ts'
import { decideFolders } from './decide-folders.ts'
import { decideListen } from './decide-listen.ts'
import { decideOutbound } from './decide-outbound.ts'
import { decideRevocation } from './decide-revocation.ts'
import { decideTrust } from './decide-trust.ts'
import { decideTrustStore } from './decide-trust-store.ts'
import { decideWeb } from './decide-web.ts'
import { type ConfigWarning, createDecisions, type Decisions, fromEnv, fromFlag } from './decisions.ts'
import { ENVIRONMENT_NAMES as ENV } from './environment.ts'
import { parseFilePath } from './file-path.ts'
import { oneOf } from './one-of.ts'

export interface DecidedConfig {
  readonly config: Config
  /** Where each value came from, by path such as `trust.issuers[0]`. A path without an entry has that of its parent. */
  readonly origins: ReadonlyMap<string, ConfigOrigin>
  readonly warnings: readonly ConfigWarning[]
}

/** Kept by the parent of an embedded core: it kills the core after 5 seconds. */
const RPC_GRACE_MS = 4_000

const DEFAULT_LIMITS: Config['limits'] = {
  maxMessageBytes: 4 * 1024 * 1024,
  maxWaitingDecisions: 4096,
  maxConcurrentStreams: 1024,
  maxConnections: 1024,
  badgeCacheEntries: 16_384,
  badgeCacheBytes: 32 * 1024 * 1024,
}

/**
 * Decides the configuration: defaults, hidden by the file, by the environment, by flags.
 * It is complete and frozen; nothing behind it asks again.
 *
 * @throws {ConfigRefused} with every problem
 */
export function decideConfig(sources: ConfigSources): DecidedConfig {
  const { command, flags, environment, file, cwd } = sources
  const decisions = createDecisions(cwd)
  for (const name of environment.withoutEffect) decisions.warn(name, 'Has no effect in this version')
  for (const name of environment.unknown) decisions.warn(name, 'Is not a variable that capiscio knows')

  const profile = decideProfile(decisions, sources)
  const listen = decideListen(decisions, sources)
  const { stateDir, evidence } = decideFolders(decisions, sources)
  const trust = decideTrust(decisions, { ...sources, profile })
  const revocation = decideRevocation(decisions, { ...sources, profile }, { ...trust, stateDir })
  const storePath = decideTrustStore(decisions, sources, evidence.root ?? evidence.directory)
  const policyFile = decidePath(decisions, sources, 'policyFile', '--policy', flags.policy, undefined)
  const logFile =
    decidePath(decisions, sources, 'logFile', '--log-file', flags.logFile, undefined) ??
    (command === 'rpc' ? join(stateDir, 'rpc.log') : undefined)
  const listenFlags = [flags.listen, flags.address, flags.socket, flags.http]

  const config: Config = {
    profile,
    listen,
    web: decideWeb(decisions, sources),
    portFallback: command === 'dev' && listenFlags.every((flag) => flag === undefined),
    insecure: flags.insecure === true,
    stateDir,
    evidence,
    trust: { ...trust, ...revocation, ...(storePath !== undefined && { storePath }) },
    outbound: decideOutbound(decisions, sources),
    ...(policyFile !== undefined && { policyFile }),
    apiKeys: file?.written.apiKeys ?? [],
    enforcementMode: decideEnforcementMode(decisions, sources),
    limits: decideLimits(decisions, file),
    shutdownGraceMs: decideGrace(decisions, sources),
    logLevel: decisions.pick<string, LogLevel>(
      'logLevel',
      [
        fromFlag('--log-level', flags.logLevel),
        fromEnv(ENV.logLevel, environment.logLevel),
        file?.candidate(['logLevel'], file.written.logLevel),
      ],
      (text) => oneOf(LOG_LEVELS, text.toLowerCase()),
      () => 'info',
    ),
    ...(logFile !== undefined && { logFile }),
  }
  for (const index of config.apiKeys.keys()) {
    if (file) decisions.note(`apiKeys[${index}]`, file.originOf(['apiKeys', index]))
  }
  if (flags.insecure !== undefined) decisions.note('insecure', { kind: 'flag', name: '--insecure' })
  if (decisions.problems.length > 0) throw new ConfigRefused(decisions.problems)
  return deepFreeze({ config, origins: decisions.origins, warnings: decisions.warnings })
}

function decideProfile(decisions: Decisions, { command, flags, environment, file }: ConfigSources): Profile {
  const profile = decisions.pick<string, Profile>(
    'profile',
    [
      fromFlag('--profile', flags.profile),
      fromEnv(ENV.profile, environment.profile),
      file?.candidate(['profile'], file.written.profile),
    ],
    (text) => oneOf(['dev', 'connected-prod', 'air-gapped'] as const, text),
    () => (command === 'dev' ? 'dev' : 'connected-prod'),
  )
  if (command === 'dev' && profile !== 'dev') {
    const reason = 'capiscio dev runs in profile dev: leave the profile out, or use capiscio serve'
    decisions.refuse('CONFLICT', decisions.originOf('profile'), reason)
  }
  return profile
}

function decidePath(
  decisions: Decisions,
  { file, home }: ConfigSources,
  field: 'policyFile' | 'logFile',
  flag: string,
  flagged: string | undefined,
  fallback: string | undefined,
): string | undefined {
  return decisions.pick<string, string | undefined>(
    field,
    [fromFlag(flag, flagged), file?.candidate([field], file.written[field])],
    (text, base) => parseFilePath(text, base, home),
    () => fallback,
  )
}

function decideLimits(decisions: Decisions, file: ConfigFile | undefined): Config['limits'] {
  const limits = { ...DEFAULT_LIMITS }
  for (const name of Object.keys(DEFAULT_LIMITS) as (keyof Config['limits'])[]) {
    limits[name] = decisions.pick(
      `limits.${name}`,
      [file?.candidate(['limits', name], file.written.limits?.[name])],
      (value) => value,
      () => DEFAULT_LIMITS[name],
    )
  }
  return limits
}

function decideGrace(decisions: Decisions, { command, file }: ConfigSources): number {
  const graceMs = decisions.pick(
    'shutdownGraceMs',
    [file?.candidate(['shutdownGraceMs'], file.written.shutdownGraceMs)],
    (value) => value,
    () => (command === 'rpc' ? RPC_GRACE_MS : 10_000),
  )
  return command === 'rpc' ? Math.min(graceMs, RPC_GRACE_MS) : graceMs
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Map || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}
