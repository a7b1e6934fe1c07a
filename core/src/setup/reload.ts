import { checkKeyFiles } from '../config/check-config-files.ts'
import type { Config } from '../config/config.ts'
import type { GuardRules } from '../domain/guard/tool-guard.ts'
import { RevocationRefused } from '../domain/revocation/revocation-refused.ts'
import type { Revocations } from '../domain/revocation/revocations.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import { StartRefused } from '../start-refused.ts'
import { loadGuardRules } from './guard-rules.ts'

/** A file that the configuration names cannot take the place of what is in force. The message says which and why. */
export class ReloadRefused extends Error {
  override readonly name = 'ReloadRefused'
}

export interface ReloadOptions {
  readonly config: Config
  readonly revocations: Pick<Revocations, 'reread'>
  /** Puts rules in force, for every decision that begins later. */
  readonly apply: (rules: GuardRules) => void
  readonly telemetry: Pick<Telemetry, 'reloaded'>
}

/**
 * Reads the files again that decide: policy, keys, local revocations, snapshots. Everything
 * is read and checked before anything is put in force. Key files are followed as they change
 * anyway; here they are looked at so that a broken one is known now.
 *
 * @throws {ReloadRefused} for the first file that is not in order; nothing has changed
 */
export function createReload({ config, revocations, apply, telemetry }: ReloadOptions): () => Promise<GuardRules> {
  async function reload(): Promise<GuardRules> {
    const [broken] = checkKeyFiles(config.trust)
    if (broken !== undefined) throw new ReloadRefused(`${broken.source}: ${broken.reason}`)
    try {
      const rules = await loadGuardRules(config)
      const applyRevocations = await revocations.reread()
      await applyRevocations()
      apply(rules)
      return rules
    } catch (cause) {
      if (!(cause instanceof StartRefused || cause instanceof RevocationRefused || isSystemError(cause))) throw cause
      throw new ReloadRefused(cause.message, { cause })
    }
  }
  // One after the other: the last one that was asked for has the last word.
  let last: Promise<unknown> = Promise.resolve()
  return () => {
    const reloaded = last.then(reload)
    // Told whoever asked for it: a policy that is not in force must not go unnoticed.
    last = reloaded.then(
      ({ policy }) => telemetry.reloaded({ outcome: 'applied', policyVersion: policy.version }),
      (cause: unknown) => telemetry.reloaded({ outcome: 'refused', cause }),
    )
    return reloaded
  }
}

function isSystemError(error: unknown): error is Error {
  return error instanceof RangeError || (error instanceof Error && 'syscall' in error)
}
