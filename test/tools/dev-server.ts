import { createPrivateKey, type KeyObject } from 'node:crypto'
import { devCredential } from './core-process.ts'

/** The MCP server that `capiscio dev` registered: its badge is of level 1. */
export interface DevServer {
  readonly did: string
  readonly badge: string
  readonly privateKey: KeyObject
  /** The same key, PKCS#8. */
  readonly pem: string
}

export async function readDevServer(folder: string): Promise<DevServer> {
  const badge = await devCredential(folder, 'badges', 'server.jwt')
  const pem = await devCredential(folder, 'server.pem')
  return {
    did: 'did:web:registry.capiscio.invalid:servers:example-server',
    badge,
    privateKey: createPrivateKey(pem),
    pem,
  }
}
