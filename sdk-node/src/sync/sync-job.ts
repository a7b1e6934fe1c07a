import type { CoreClientOptions } from '../core-client.ts'
import type { RegisterServerIdentityOptions } from '../registry/register-server-identity.ts'
import type { SetupServerIdentityOptions } from '../registry/setup-server-identity.ts'
import type { PackedError } from './pack-error.ts'

/** Which core the worker asks. */
export interface SyncCore {
  readonly options: CoreClientOptions
  /** The `CAPISCIO_` variables of the caller's environment, which the worker's own may lag behind. */
  readonly environment: Readonly<Record<string, string>>
}

/** One call of the core: a message as bytes, and the answer as bytes. */
export interface CoreJob {
  readonly kind: 'evaluateToolAccess' | 'verifyServer' | 'recordOutcome'
  readonly core: SyncCore
  readonly request: Uint8Array
  readonly timeoutMs: number | undefined
}

/** What the worker can be asked to do while the caller's thread waits. */
export type SyncJob =
  | CoreJob
  | { readonly kind: 'register'; readonly options: RegisterServerIdentityOptions }
  | { readonly kind: 'setup'; readonly options: SetupServerIdentityOptions }

export type SyncAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: PackedError }
