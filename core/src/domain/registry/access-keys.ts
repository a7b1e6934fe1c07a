import type { StoredApiKey } from '../../ports/registry-store.ts'
import { checkKeyName, createApiKey, hashPresentedKey, parseScopes, type Scope } from './api-keys.ts'
import { type Caller, callerName, demandScope } from './caller.ts'
import type { RegistryContext } from './registry-context.ts'
import { RegistryRefused } from './registry-refused.ts'

export interface NewAccessKey {
  readonly name: string
  /** Whose subjects it may handle. */
  readonly accountId: string
  readonly scopes: readonly string[]
}

/** The API keys of a registry. */
export interface AccessKeys {
  /**
   * Who presents this key.
   *
   * @param key attacker-controlled and secret
   * @throws {RegistryRefused} unauthorized; rate_limit_exceeded
   */
  authenticate(key: string): Promise<Caller>
  /** The key is in the answer and nowhere else. */
  create(caller: Caller, key: NewAccessKey): Promise<{ readonly key: string; readonly stored: StoredApiKey }>
  list(caller: Caller): Promise<readonly StoredApiKey[]>
  /** Takes effect with the next request. Idempotent. */
  revoke(caller: Caller, name: string): Promise<void>
}

export function createAccessKeys({
  store,
  trail,
  gate,
  clock,
  random,
}: Pick<RegistryContext, 'store' | 'trail' | 'gate' | 'clock' | 'random'>): AccessKeys {
  return {
    async authenticate(key) {
      const hash = hashPresentedKey(key)
      const stored = hash === undefined ? undefined : await store.apiKeyByHash(hash)
      if (stored === undefined || stored.revokedAtMs !== undefined) {
        throw new RegistryRefused('unauthorized', 'The API key is unknown or was revoked.')
      }
      gate.request(stored.name)
      const { name, accountId, scopes } = stored
      return { kind: 'apikey', name, accountId, scopes: scopes as readonly Scope[] }
    },

    async create(caller, { name, accountId, scopes }) {
      demandScope(caller, 'admin')
      trail.demandWritable()
      checkKeyName(name, 'API key')
      checkKeyName(accountId, 'account')
      const { key, hash } = createApiKey(random)
      const stored: StoredApiKey = {
        name,
        accountId,
        hash,
        scopes: parseScopes(scopes),
        createdAtMs: clock.nowMs(),
        revokedAtMs: undefined,
      }
      const entry = trail.entry('api_key_created', {
        actor: callerName(caller),
        name,
        account: accountId,
        scopes: stored.scopes.join(' '),
      })
      if ((await store.addApiKey(stored, entry)) === 'name-taken') {
        throw new RegistryRefused('name_taken', 'There is or was an API key with this name: choose another one.')
      }
      await trail.flush()
      return { key, stored }
    },

    async list(caller) {
      demandScope(caller, 'admin')
      return store.apiKeys()
    },

    async revoke(caller, name) {
      demandScope(caller, 'admin')
      trail.demandWritable()
      const entry = trail.entry('api_key_revoked', { actor: callerName(caller), name })
      const outcome = await store.revokeApiKey(name, clock.nowMs(), entry)
      if (outcome === 'unknown') throw new RegistryRefused('api_key_not_found', 'There is no API key with this name.')
      await trail.flush()
    },
  }
}
