// `@capiscio/mcp-browser/verify`: what a page can verify without a core, by the core's own rules. Install `@capiscio/core` beside it.
export type { BadgeErrorCode } from './badge-error.ts'
export { BadgeError } from './badge-error.ts'
export type {
  BadgeToCheck,
  BadgeVerificationOptions,
  ServerVerificationOptions,
  VerifiedBadge,
  Verifier,
  VerifierOptions,
} from './verifier.ts'
export { createVerifier } from './verifier.ts'
export type { VerifyPopOptions } from './verify-pop-response.ts'
export { verifyPopResponse } from './verify-pop-response.ts'
