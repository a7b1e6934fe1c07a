import { hash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { IssuerKeySet, IssuerKeySource } from '../../ports/issuer-keys.ts'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'

/** Where the keys of one issuer come from. Those at a URL are the matter of another source. */
export type IssuerKeyOrigin =
  | { readonly kind: 'inline'; readonly jwks: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string }

const MAX_BYTES = 1024 * 1024

/** How long a key file is trusted before it is looked at again. */
const FILE_MAX_AGE_MS = 5_000

interface ReadFile {
  readonly set: IssuerKeySet
  readonly stamp: string
  readonly checkedAtMs: number
}

/**
 * Key sets from the operator's configuration. Files are read again when they change,
 * noticed within five seconds or as soon as a badge names an unknown `kid`. A file that
 * is broken or gone makes its issuer unavailable: old keys do not outlive their file.
 */
export function createConfiguredIssuerKeys(
  origins: ReadonlyMap<string, IssuerKeyOrigin>,
  monotonicMs: () => number,
): IssuerKeySource {
  const files = new Map<string, ReadFile>()
  const inline = new Map<string, IssuerKeySet>()
  for (const [issuer, origin] of origins) {
    if (origin.kind === 'inline') inline.set(issuer, toKeySet(origin.jwks))
  }

  async function read(path: string, maxAgeMs: number): Promise<IssuerKeySet> {
    const known = files.get(path)
    const nowMs = monotonicMs()
    if (known !== undefined && nowMs - known.checkedAtMs < maxAgeMs) return known.set
    try {
      const { mtimeMs, ctimeMs, size, ino } = await stat(path)
      if (size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`)
      // Copying tools set the time of the content to whatever they like, never that of the change.
      const stamp = `${ino}:${size}:${mtimeMs}:${ctimeMs}`
      const set = known?.stamp === stamp ? known.set : toKeySet(await readFile(path, 'utf8'))
      files.set(path, { set, stamp, checkedAtMs: nowMs })
      return set
    } catch (cause) {
      files.delete(path)
      throw new SourceUnavailable(`The key file ${path} cannot be read`, { cause })
    }
  }

  async function keySet(issuer: string, maxAgeMs: number): Promise<IssuerKeySet> {
    const fixed = inline.get(issuer)
    if (fixed !== undefined) return fixed
    const origin = origins.get(issuer)
    switch (origin?.kind) {
      case 'file':
        return read(origin.path, maxAgeMs)
      default:
        throw new SourceUnavailable(`${issuer} has no keys in the configuration or in a file`)
    }
  }

  return {
    keySet: (issuer) => keySet(issuer, FILE_MAX_AGE_MS),
    freshenFor: (issuer) => keySet(issuer, 0),
  }
}

function toKeySet(jwks: string): IssuerKeySet {
  return { jwks, version: hash('sha256', jwks, 'base64url') }
}
