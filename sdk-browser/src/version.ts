/** Version of this package, the same as in its package.json. Sent with every question for the record. */
export const SDK_VERSION = '0.1.0'

/** Version of the gRPC contract `capiscio.core.v1` that this SDK speaks. A core must have the same major number. */
export const PROTO_VERSION = '1.0'

/** Oldest core that this SDK works with. */
export const CORE_MIN_VERSION = '0.1.0'
