import type { Environment } from './environment.ts'

/**
 * What must never be printed, logged or sent by mistake: kept apart from `Config`, and
 * shown as nothing by whatever prints objects.
 */
export interface Secrets {
  /** For the registry's API, from `CAPISCIO_REGISTRY_API_KEY`. */
  readonly registryApiKey: string | undefined
}

/** Members are not enumerable: spreading, JSON and inspection find none. */
export function readSecrets({ registryApiKey }: Environment): Secrets {
  const secrets = Object.defineProperty({}, 'registryApiKey', { value: registryApiKey, enumerable: false })
  return Object.freeze(secrets) as Secrets
}
