import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { addressRefused } from './address-refused.ts'

/**
 * Makes a server listen. Resolves to its port.
 *
 * @throws {AddressRefused}
 */
export function bindServer(
  server: Pick<Server, 'once' | 'off' | 'listen' | 'address'>,
  host: string,
  port: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(addressRefused(`${host}:${port}`, error))
    server.once('error', refuse)
    server.listen(port, host, () => {
      server.off('error', refuse)
      resolve((server.address() as AddressInfo).port)
    })
  })
}
