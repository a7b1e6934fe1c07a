import { AsyncLocalStorage } from 'node:async_hooks'
import type { AllowedToolAccess } from '@capiscio/proto/sdk'

const ambient = new AsyncLocalStorage<AllowedToolAccess>()

/**
 * The decision that let the current handler run, for its logs and its answer:
 * `currentDecision()?.evidenceId`. Undefined outside a guarded handler.
 */
export function currentDecision(): AllowedToolAccess | undefined {
  return ambient.getStore()
}

/** Runs a handler under its decision. Takes nothing but an ALLOW. */
export function runAllowed<T>(decision: AllowedToolAccess, handler: () => T): T {
  return ambient.run(decision, handler)
}
