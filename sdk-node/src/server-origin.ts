import { AsyncLocalStorage } from 'node:async_hooks'

const ambient = new AsyncLocalStorage<string | undefined>()

/**
 * Runs `fn` with the origin of the MCP server that asks, such as `https://mcp.example.com`.
 * It is written to the record and decides nothing.
 *
 * @param origin `undefined` means the value of `CAPISCIO_SERVER_ORIGIN`.
 * @throws TypeError for anything but a well-formed string.
 */
export function withServerOrigin<T>(origin: string | undefined, fn: () => T): T {
  return ambient.run(checked(origin), fn)
}

/**
 * Sets the origin for the rest of the current asynchronous context and everything it
 * starts (`AsyncLocalStorage.enterWith`).
 */
export function setServerOrigin(origin: string | undefined): void {
  ambient.enterWith(checked(origin))
}

/** The origin of the current context, else `CAPISCIO_SERVER_ORIGIN`, else undefined. */
export function getServerOrigin(): string | undefined {
  return ambient.getStore() ?? (process.env.CAPISCIO_SERVER_ORIGIN || undefined)
}

function checked(origin: string | undefined): string | undefined {
  if (origin !== undefined && (typeof origin !== 'string' || !origin.isWellFormed())) {
    throw new TypeError('A server origin must be a well-formed string, such as "https://mcp.example.com".')
  }
  return origin
}
