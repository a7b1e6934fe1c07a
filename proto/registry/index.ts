// What clients of a registry make of its HTTP API, without any I/O: requests, answers, proofs of
// possession, and badges that are renewed in time.
export * from './badge-keeper.ts'
export * from './badge-unavailable-error.ts'
export * from './issued-badge.ts'
export * from './ownership-proof.ts'
export * from './public-key-text.ts'
export * from './registration-error.ts'
export * from './registry-client.ts'
export * from './registry-url.ts'
