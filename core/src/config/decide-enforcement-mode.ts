import { type Config, ENFORCEMENT_MODES, type EnforcementMode } from './config.ts'
import { type ConfigOrigin, DEFAULT_ORIGIN } from './config-origin.ts'
import type { ConfigSources } from './config-sources.ts'
import { type Decisions, fromEnv } from './decisions.ts'
import { ENVIRONMENT_NAMES as ENV } from './environment.ts'
import { oneOf } from './one-of.ts'

/**
 * Unlike every other value, the stricter one wins: the environment can only tighten. What
 * EM-OBSERVE asks for, to let through what was denied, this version never does.
 */
export function decideEnforcementMode(
  decisions: Decisions,
  { environment, file }: ConfigSources,
): Config['enforcementMode'] {
  const strictness = (mode: EnforcementMode): number => ENFORCEMENT_MODES.indexOf(mode)
  const parse = (text: string) => {
    const name = text.trim().toUpperCase()
    return oneOf(ENFORCEMENT_MODES, name.startsWith('EM-') ? name : `EM-${name}`)
  }
  const candidates = [
    file?.candidate(['enforcementMode'], file.written.enforcementMode),
    fromEnv(ENV.enforcementMode, environment.enforcementMode),
  ]
  let mode: Config['enforcementMode'] = 'EM-GUARD'
  let origin: ConfigOrigin = DEFAULT_ORIGIN
  for (const candidate of candidates) {
    if (candidate === undefined) continue
    const asked = decisions.pick<string, EnforcementMode>('enforcementMode', [candidate], parse, () => mode)
    if (asked === 'EM-OBSERVE' && candidate.origin.kind === 'file') {
      decisions.refuse(
        'NOT_AVAILABLE',
        candidate.origin,
        'EM-OBSERVE lets denied calls run, which this version never does: leave it out',
      )
    } else if (asked === 'EM-OBSERVE' || strictness(asked) < strictness(mode)) {
      decisions.warn(ENV.enforcementMode, `${asked} is looser than ${mode}, which stays in force`)
    } else if (strictness(asked) > strictness(mode)) {
      mode = asked
      origin = candidate.origin
    } else if (origin === DEFAULT_ORIGIN) {
      origin = candidate.origin
    }
  }
  decisions.note('enforcementMode', origin)
  return mode
}
