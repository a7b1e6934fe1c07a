/** A label of a host name (RFC 1123), in lower case. An underscore is in no public host name. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** Top-level names that only a local network answers for, metadata services of clouds among them. */
const LOCAL_SUFFIX = /\.(?:localhost|local|localdomain|internal|intranet|lan|corp|home|home\.arpa|invalid|test|onion)$/

/**
 * Whether a host name may be a stranger's on the public Internet. IP addresses in every
 * spelling, names without a dot, names with a dot at the end and names of local networks
 * are not. What a name resolves to is a question of its own: see `isPublicAddress`.
 *
 * @param host as `URL` spells it
 */
export function isPublicHostName(host: string): boolean {
  const labels = host.split('.')
  const last = labels.at(-1) ?? ''
  if (host.length > 253 || labels.length < 2 || !labels.every((label) => LABEL.test(label))) return false
  // A number at the end makes an IPv4 address of whatever stands before it.
  return !/^(?:[0-9]+|0x[0-9a-f]*)$/.test(last) && !LOCAL_SUFFIX.test(host)
}
