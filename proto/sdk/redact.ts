const REDACTED = '[redacted]'
// Any JWS starts with a base64url JSON object, so with `eyJ`.
const JWS = /eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){1,2}/g
const PRIVATE_KEY_PEM = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g

/**
 * Removes secrets from text that somebody else wrote before it enters an error message:
 * the given ones, everything that looks like a signed token, and private keys.
 */
export function redactSecrets(text: string, secrets: readonly string[] = []): string {
  let clean = text
  // Longest first: a secret that contains another must not leave its rest behind.
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    if (secret !== '') clean = clean.replaceAll(secret, REDACTED)
  }
  return clean.replace(PRIVATE_KEY_PEM, REDACTED).replace(JWS, REDACTED)
}
