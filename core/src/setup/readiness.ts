import type { Config } from '../config/config.ts'
import type { EvidenceLog } from '../domain/evidence/evidence-log.ts'
import type { TrustSources } from './trust/trust-sources.ts'

/** Whether a core can decide, and why it cannot. */
export interface Readiness {
  /** Sentences for operators. Empty when the core is ready. */
  reasons(): string[]
  enter(phase: 'serving' | 'stopping'): void
}

export interface ReadinessOptions {
  readonly config: Pick<Config, 'apiKeys' | 'trust'>
  readonly sources: Pick<TrustSources, 'current' | 'issuerKeys'>
  readonly log: Pick<EvidenceLog, 'state'>
}

export function createReadiness({ config, sources, log }: ReadinessOptions): Readiness {
  const { apiKeys, trust } = config
  // Callers with other credentials can be told apart without any issuer.
  const needsIssuers = apiKeys.length === 0 && !trust.acceptLevelZero && trust.levelZeroKeys.length === 0
  let phase: 'starting' | 'serving' | 'stopping' = 'starting'

  function pinsSomebody(): boolean {
    const { issuerKeys, agentKeys } = sources.current.pinned()
    return issuerKeys.length + agentKeys.length > 0
  }

  return {
    reasons() {
      if (phase === 'starting') return ['The core is starting.']
      if (phase === 'stopping') return ['The core is shutting down.']
      if (log.state() !== 'open') return ['The evidence log cannot be written: restart the core.']
      if (needsIssuers && !pinsSomebody() && sources.issuerKeys.isWaiting()) {
        return ['No issuer could be asked for its keys yet: badges cannot be verified.']
      }
      return []
    },
    enter: (next) => {
      phase = next
    },
  }
}
