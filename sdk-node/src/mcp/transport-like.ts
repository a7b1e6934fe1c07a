/** A transport of either MCP SDK, as far as it is touched here. */
export interface TransportLike {
  start(): Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: both SDKs declare their own message types, and must accept ours
  send(message: any, options?: any): Promise<void>
  close(): Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  onmessage?: ((message: any, extra?: any) => void) | undefined
  onclose?: (() => void) | undefined
}
