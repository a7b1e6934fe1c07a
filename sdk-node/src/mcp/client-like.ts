/** An MCP client of either SDK, as far as it is touched here. */
export interface ClientLike {
  // biome-ignore lint/suspicious/noExplicitAny: both SDKs declare their own types, and must accept ours
  connect(transport: any, ...rest: any[]): Promise<void>
  close(): Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  request(request: any, ...rest: any[]): Promise<any>
  /** What it is connected with. */
  readonly transport?: unknown
}

/** The era of a connection. The v2 SDK says; the v1 SDK knows the legacy era only. */
export function eraOf(mcp: ClientLike): unknown {
  const getEra: unknown = Reflect.get(mcp, 'getProtocolEra')
  return typeof getEra === 'function' ? getEra.call(mcp) : 'legacy'
}
