import type { ListedUpTo } from '../../domain/revocation/revocation-set.ts'
import { decodeBase64url, encodeBase64url } from '../../lib/base64url.ts'

/** Where a listing goes on: local revocations first, then the lists of issuers one by one. */
export interface ListCursor {
  /** Local revocations that were listed. */
  readonly local: number
  /** The issuer whose list is next. */
  readonly issuer?: string
  readonly after?: ListedUpTo
}

export function formatCursor(cursor: ListCursor): string {
  return encodeBase64url(new TextEncoder().encode(JSON.stringify(cursor)))
}

/** Reads a cursor; an empty text is the beginning. `undefined` for what is none. */
export function parseCursor(text: string): ListCursor | undefined {
  if (text === '') return { local: 0 }
  const value = parse(text)
  const { local, issuer, after } = value
  if (!isCount(local)) return undefined
  if (issuer === undefined) return { local }
  if (typeof issuer !== 'string') return undefined
  if (after === undefined) return { local, issuer }
  const { bucket, id } = { ...(after as object) } as Readonly<Record<string, unknown>>
  return isCount(bucket) && typeof id === 'string' ? { local, issuer, after: { bucket, id } } : undefined
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(decodeBase64url(text)))
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
