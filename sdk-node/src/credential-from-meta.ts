import { API_KEY_META_NAMES, BADGE_META_NAMES } from '@capiscio/proto/mcp'
import { CredentialError } from '@capiscio/proto/sdk'
import { CallerCredential } from './caller-credential.ts'

/**
 * Reads the caller's credential from the `_meta` of an MCP request. The content comes from
 * the caller and is not trusted: it is only read here, the core verifies it.
 *
 * Either spelling of a name is accepted, foreign keys are ignored.
 *
 * @returns undefined when `_meta` is absent or names no credential: an anonymous caller.
 * @throws CredentialError when the two spellings disagree, a badge and an API key come
 * together, or a value is not a non-empty string. Choosing one would let the sender decide
 * which of two identities is recorded.
 */
export function credentialFromMeta(meta: unknown): CallerCredential | undefined {
  if (meta === undefined || meta === null) return undefined
  if (typeof meta !== 'object' || Array.isArray(meta)) {
    throw new CredentialError('_meta must be an object. Send it as MCP describes it, or leave it out.')
  }
  const badge = readText(meta, BADGE_META_NAMES)
  const apiKey = readText(meta, API_KEY_META_NAMES)
  if (badge !== undefined && apiKey !== undefined) {
    throw new CredentialError('_meta holds a badge and an API key. Send one of them.')
  }
  if (badge !== undefined) return new CallerCredential({ badge })
  if (apiKey !== undefined) return new CallerCredential({ apiKey })
  return undefined
}

function readText(meta: object, names: readonly [string, string]): string | undefined {
  const found: string[] = []
  for (const name of names) {
    if (!Object.hasOwn(meta, name)) continue
    const value: unknown = Reflect.get(meta, name)
    if (typeof value !== 'string' || value === '' || !value.isWellFormed()) {
      throw new CredentialError(`_meta "${name}" must be a non-empty string.`)
    }
    found.push(value)
  }
  if (found.length === 2 && found[0] !== found[1]) {
    throw new CredentialError(
      `_meta "${names[0]}" and "${names[1]}" differ. Send the same value in both, or one of them.`,
    )
  }
  return found[0]
}
