/** The steps of badges.md §8.2, in the order in which they decide. */
export const VERIFICATION_STEPS = [
  { id: '1', title: 'The token is three strict base64url parts of at most 16 384 characters' },
  { id: '2', title: 'Header and payload are UTF-8 JSON objects with unique names' },
  { id: '3a', title: 'The header names an allowed algorithm and the type of a badge' },
  { id: '3b', title: 'The required claims are there, of the right type' },
  { id: '3c', title: 'The credential has a trust level and the types of an agent identity' },
  { id: '3d', title: 'The identity assurance level is "0" or "1"' },
  { id: '3e', title: 'A confirmed key is named at ial "1"' },
  { id: '3f', title: 'No confirmed key is named at ial "0"' },
  { id: '3g', title: 'Level 0 has ial "0"' },
  { id: '3h', title: 'The key of the subject is a sound public key' },
  { id: '3i', title: 'Subject, issuer, level, domain and keys agree' },
  { id: '4-pre', title: 'The issuer is trusted for this decision' },
  { id: '4a', title: 'The issuer publishes the key that the header names' },
  { id: '4b', title: 'The header names the key of the self-signed badge' },
  { id: '5', title: 'The signature is valid over the received bytes' },
  { id: '6a', title: 'The badge has not expired' },
  { id: '6b', title: 'The badge was not issued in the future' },
  { id: '6c', title: 'The badge is valid already' },
  { id: '6e', title: 'The badge is meant for this verifier' },
  { id: '7', title: 'The subject publishes the key in the badge' },
  { id: '8', title: 'The badge is not revoked' },
  { id: '9', title: 'The agent is active' },
] as const

export type VerificationStep = (typeof VERIFICATION_STEPS)[number]['id']

/** Follows one run of the procedure, which does not depend on it. */
export interface StepObserver {
  /** The procedure comes to a step. The one it was at before has passed. */
  at(step: VerificationStep): void
  /** A step does not apply to this badge. */
  skipped(step: VerificationStep, why: string): void
}

/** For runs that nobody follows. */
export const UNOBSERVED: StepObserver = { at: () => undefined, skipped: () => undefined }
