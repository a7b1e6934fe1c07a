import type { RegisterServerIdentityOptions, ServerRegistration } from '../registry/register-server-identity.ts'
import type { SetUpServerIdentity, SetupServerIdentityOptions } from '../registry/setup-server-identity.ts'
import { callSync } from './sync-call.ts'

/** `registerServerIdentity`, blocking this thread while a worker asks. */
export function registerServerIdentitySync(options: Omit<RegisterServerIdentityOptions, 'signal'>): ServerRegistration {
  return callSync({ kind: 'register', options: withUrl(options) }) as ServerRegistration
}

/** `setupServerIdentity`, blocking this thread while a worker asks. */
export function setupServerIdentitySync(options: Omit<SetupServerIdentityOptions, 'signal'>): SetUpServerIdentity {
  return callSync({ kind: 'setup', options: withUrl(options) }) as SetUpServerIdentity
}

/** The worker's environment is as old as the worker. */
function withUrl<Options extends object>(options: Options): Options {
  if (typeof options !== 'object' || options === null) throw new TypeError('The options must be an object.')
  if (Reflect.get(options, 'signal') !== undefined) {
    throw new TypeError('Nothing can abort a call that blocks: leave signal out.')
  }
  const { CAPISCIO_SERVER_URL, CAPISCIO_CA_URL } = process.env
  const caUrl: unknown = Reflect.get(options, 'caUrl') ?? (CAPISCIO_SERVER_URL || CAPISCIO_CA_URL)
  return { ...options, ...(caUrl !== undefined && { caUrl }) }
}
