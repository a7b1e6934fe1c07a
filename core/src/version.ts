import { createRequire } from 'node:module'

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }

/** Version of this package. */
export const CORE_VERSION = version

/** Version of the contract `capiscio.core.v1`. Clients compare its first number. */
export const PROTO_VERSION = '1.0'
