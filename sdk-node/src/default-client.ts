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
  current ??= shareable(createCoreClient())
  return current
}

/**
 * Makes a client the process's own: one with options of its own, or a core in this process.
 * Whoever gave it disposes it.
 *
 * @throws TypeError for anything but a client, and when there is one already: reset it first, so
 * that no call changes its core by chance.
 */
export function setDefaultCoreClient(client: CoreClient): void {
  const isClient = typeof client === 'object' && client !== null
  if (!isClient || typeof Reflect.get(client, 'evaluateToolAccess') !== 'function') {
    throw new TypeError('setDefaultCoreClient takes a CoreClient, such as createCoreClient() makes.')
  }
  if (current !== undefined) {
    throw new TypeError('The process has its core client already. Call resetDefaultCoreClient() before another is set.')
  }
  current = client
}

/**
 * Forgets the process's own client; the next use makes another one, from the environment as it is
 * then. One that was made here is disposed: calls under way finish, and an embedded core is
 * stopped. Does nothing where there is none.
 */
export async function resetDefaultCoreClient(): Promise<void> {
  const client = current
  current = undefined
  if (client !== undefined && madeHere.has(client)) await client[Symbol.asyncDispose]()
}

const madeHere = new WeakSet<CoreClient>()

/** A client that is forgotten when somebody disposes it. */
function shareable(client: CoreClient): CoreClient {
  const shared: CoreClient = {
    ...client,
    [Symbol.asyncDispose]: () => {
      if (current === shared) current = undefined
      return client[Symbol.asyncDispose]()
    },
  }
  madeHere.add(shared)
  return shared
}
