/** Scheme, host name or bracketed IPv6 address, perhaps a port, perhaps one final slash. */
const ORIGIN = /^(https:\/\/([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::([1-9][0-9]{0,4}))?)\/?$/

/**
 * Reads the HTTPS origin that names an issuer (badges.md §3.1) and strips its final slash.
 * Origins are compared as exact texts after this. `undefined` for anything else: another
 * scheme, user info, a path, a query, a fragment.
 *
 * @param text attacker-controlled when it comes from a badge
 */
export function parseIssuerOrigin(text: string): string | undefined {
  const [, origin, , port] = ORIGIN.exec(text) ?? []
  return Number(port ?? 0) <= 65_535 ? origin : undefined
}

/**
 * Whether the origin's host is under `.invalid`, which never resolves (RFC 2606): fit for
 * development and tests, and a sign of a misplaced fixture everywhere else.
 */
export function isReservedIssuer(origin: string): boolean {
  return /[/.]invalid\.?(?::[0-9]+)?$/i.test(origin)
}
