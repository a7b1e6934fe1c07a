/** Largest strings that a question may carry, in UTF-8 bytes. A record stays far below 64 KiB. */
export const EVALUATE_LIMITS = {
  toolNameBytes: 1024,
  paramsHashBytes: 128,
  serverOriginBytes: 1024,
  policyVersionBytes: 256,
  traceparentBytes: 256,
  sdkBytes: 128,
  badgeBytes: 16 * 1024,
  trustedIssuers: 256,
  allowedTools: 1024,
  allowedToolBytes: 1024,
  /** Of all patterns together: matching takes time by their length, and every call waits for it. */
  allowedToolsBytes: 64 * 1024,
  listedTools: 1024,
} as const
