/** What a registry records. Add names, never rename one. */
export type RegistryEvent =
  | 'initialized'
  | 'badge_issued'
  | 'badge_revoked'
  | 'agent_created'
  | 'agent_changed'
  | 'agent_identity_bound'
  | 'agent_level_set'
  | 'agent_disabled'
  | 'agent_enabled'
  | 'agent_deleted'
  | 'server_created'
  | 'server_changed'
  | 'server_identity_bound'
  | 'server_level_set'
  | 'server_disabled'
  | 'server_enabled'
  | 'server_deleted'
  | 'api_key_created'
  | 'api_key_revoked'
  | 'ca_key_added'

/** Details of an event. Never a token, a key or a proof: ids, DIDs, names, numbers. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | undefined>>

const utf8 = new TextEncoder()

/**
 * The evidence record of one change: canonical JSON (RFC 8785), flat. Details stand under
 * `io.capisc.registry.`; those that are absent are left out.
 *
 * Keys are ASCII, so that sorting by code unit and `JSON.stringify` make the canonical form.
 *
 * @throws RangeError for a number that is not an integer
 */
export function encodeAuditRecord(
  event: RegistryEvent,
  { id, atMs }: { readonly id: string; readonly atMs: number },
  details: AuditDetails,
): Uint8Array {
  const members: [string, string | number | boolean][] = [
    ['event.name', `capiscio.registry.${event}`],
    ['id', id],
    ['timestamp', `${new Date(atMs).toISOString().slice(0, -1)}000000Z`],
  ]
  for (const [name, value] of Object.entries(details)) {
    if (value === undefined) continue
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw new RangeError(`${name} must be an integer, not ${value}.`)
    }
    members.push([`io.capisc.registry.${name}`, typeof value === 'string' ? value.toWellFormed() : value])
  }
  members.sort(([a], [b]) => (a < b ? -1 : 1))
  return utf8.encode(JSON.stringify(Object.fromEntries(members)))
}
