import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ParseServerIdentityRequestSchema } from '@capiscio/proto/core/v1'
import type { HeaderSource } from '@capiscio/proto/sdk'
import { META_NAMES, readOptions, SERVER_BADGE_HEADER, SERVER_DID_HEADER } from '@capiscio/proto/sdk'

/** Where an MCP server disclosed its identity (RFC-007): its response headers, or the `_meta` of its handshake result. */
export type ServerIdentitySource =
  | { readonly headers: HeaderSource; readonly meta?: undefined }
  | { readonly meta: Readonly<Record<string, unknown>>; readonly headers?: undefined }

const TEXT_NAMES = [...META_NAMES.serverDid, ...META_NAMES.serverBadge]

/** A question to the core, and the secrets in it. */
export interface IdentityQuestion {
  readonly source: NonNullable<MessageInitShape<typeof ParseServerIdentityRequestSchema>['source']>
  readonly secrets: readonly string[]
}

/**
 * Takes what the core has to read, and nothing else: the rest of a `_meta` object may hold
 * somebody's credentials.
 *
 * @throws TypeError unless there is exactly one source.
 */
export function toIdentityQuestion(given: ServerIdentitySource): IdentityQuestion {
  const { headers, meta } = readOptions(given, ['headers', 'meta'], 'The source of a server identity')
  if ((headers === undefined) === (meta === undefined)) {
    throw new TypeError('A server identity is read from { headers } or { meta }: give exactly one of them.')
  }
  return headers === undefined ? fromMeta(meta) : fromHeaders(headers)
}

function fromHeaders(given: unknown): IdentityQuestion {
  if (typeof given !== 'object' || given === null) throw new TypeError('headers must be Headers or an object.')
  const capiscioServerDid = header(given, SERVER_DID_HEADER)
  const capiscioServerBadge = header(given, SERVER_BADGE_HEADER)
  return {
    source: { case: 'httpHeaders', value: { capiscioServerDid, capiscioServerBadge } },
    secrets: [capiscioServerBadge],
  }
}

function header(given: object, name: string): string {
  if (given instanceof Headers) return given.get(name) ?? ''
  const values = Object.entries(given).flatMap(([key, value]): unknown =>
    key.toLowerCase() === name.toLowerCase() ? value : [],
  )
  // The same header twice is one list, as HTTP has it, so the core sees and refuses both.
  return values.filter((value) => typeof value === 'string').join(', ')
}

function fromMeta(given: unknown): IdentityQuestion {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TypeError('meta must be the _meta object of the result; use {} where there is none.')
  }
  const texts = TEXT_NAMES.flatMap((name): [string, string][] => {
    const value: unknown = Object.hasOwn(given, name) ? Reflect.get(given, name) : undefined
    return typeof value === 'string' ? [[name, value]] : []
  })
  const known = Object.fromEntries(texts)
  return {
    source: { case: 'jsonrpcMeta', value: JSON.stringify(known) },
    secrets: META_NAMES.serverBadge.flatMap((name) => known[name] ?? []),
  }
}
