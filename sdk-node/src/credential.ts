import { AsyncLocalStorage } from 'node:async_hooks'
import type { CallerCredential, CredentialInput } from './caller-credential.ts'
import { toCallerCredential } from './caller-credential.ts'

const ambient = new AsyncLocalStorage<CallerCredential | undefined>()

/**
 * Runs `fn` with the caller's credential: every guarded call inside, across `await`s,
 * uses it. Concurrent calls do not see each other's.
 *
 * ```ts
 * await withCredential({ badge }, () => readDatabase({ query: 'select 1' }))
 * ```
 *
 * @param credential `undefined` means an anonymous caller, also inside another `withCredential`.
 * @throws TypeError for a badge and an API key at once, or neither.
 */
export function withCredential<T>(credential: CredentialInput | undefined, fn: () => T): T {
  return ambient.run(credential === undefined ? undefined : toCallerCredential(credential), fn)
}

/**
 * Sets the credential for the rest of the current asynchronous context and everything it
 * starts (`AsyncLocalStorage.enterWith`). Use it where no function can be wrapped, such as
 * in a middleware. Prefer `withCredential`, which ends by itself: a credential set in a
 * context that serves several callers stays for the next one.
 *
 * @throws TypeError as `withCredential`.
 */
export function setCredential(credential: CredentialInput | undefined): void {
  ambient.enterWith(credential === undefined ? undefined : toCallerCredential(credential))
}

/** The credential of the current context; undefined means an anonymous caller. */
export function getCredential(): CallerCredential | undefined {
  return ambient.getStore()
}
