import type { StoredSubject } from '../../ports/registry-store.ts'
import type { Scope } from './api-keys.ts'
import { RegistryRefused } from './registry-refused.ts'

/** Who asks, once that is established. */
export type Caller =
  | {
      readonly kind: 'apikey'
      /** Name of the key, as records have it. */
      readonly name: string
      readonly accountId: string
      readonly scopes: readonly Scope[]
    }
  /** Whoever has the registry's files in hand, by a command; acts for the account. */
  | { readonly kind: 'operator'; readonly accountId: string }
  /** A badge of this registry, whose subject acts for itself. */
  | { readonly kind: 'badge'; readonly did: string; readonly jti: string }

/** What records call the caller. */
export function callerName(caller: Caller): string {
  switch (caller.kind) {
    case 'apikey':
      return `apikey:${caller.name}`
    case 'operator':
      return 'operator'
    case 'badge':
      return caller.did
  }
}

/**
 * The account that a caller acts for.
 *
 * @throws {RegistryRefused} forbidden, when the caller lacks the scope. A badge has none.
 */
export function demandScope(caller: Caller, scope: Scope): { readonly accountId: string } {
  if (isAdmin(caller) && caller.kind !== 'badge') return caller
  if (caller.kind === 'apikey' && caller.scopes.includes(scope)) return caller
  throw new RegistryRefused('forbidden', `This needs an API key with the scope ${scope}.`)
}

/** Whether the caller may act for every account. */
export function isAdmin(caller: Caller): boolean {
  return caller.kind === 'operator' || (caller.kind === 'apikey' && caller.scopes.includes('admin'))
}

/**
 * Lets the subject's account through, an administrator, and the subject itself.
 *
 * @throws {RegistryRefused} agent_not_owned
 */
export function demandOwner(caller: Caller, subject: Pick<StoredSubject, 'accountId' | 'did'>): void {
  const owns = caller.kind === 'badge' ? caller.did === subject.did : caller.accountId === subject.accountId
  if (owns || isAdmin(caller)) return
  throw new RegistryRefused('agent_not_owned', 'This belongs to another account.')
}
