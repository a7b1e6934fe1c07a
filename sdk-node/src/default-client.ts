import type { CoreClient } from './client.ts'
import { createCoreClient } from './core-client.ts'

let current: CoreClient | undefined

/**
 * The process's own client, made at the first use from `CAPISCIO_CORE_ADDR`, else with an
 * embedded core. Everything that is not given a client uses it.
 *
 * Dispose it for an orderly end before the process exits; the next use makes another one.
 */
export function getDefaultCoreClient(): CoreClient {
  if (current !== undefined) return current
  const client = createCoreClient()
  const shared: CoreClient = {
    ...client,
    [Symbol.asyncDispose]: () => {
      if (current === shared) current = undefined
      return client[Symbol.asyncDispose]()
    },
  }
  current = shared
  return shared
}
