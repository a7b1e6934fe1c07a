import type { McpRequest } from '@capiscio/proto/mcp'
import { isObject } from '@capiscio/proto/mcp'

/** The request with more members in its `_meta`; what is there under other names stays. */
export function withMeta(request: McpRequest, added: Readonly<Record<string, unknown>>): McpRequest {
  const params = isObject(request.params) ? request.params : {}
  const meta = isObject(params._meta) ? params._meta : {}
  return { ...request, params: { ...params, _meta: { ...meta, ...added } } }
}
