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

/** DER of an Ed25519 private key up to its 32 bytes (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

export async function readDevServer(folder: string): Promise<DevServer> {
  const badge = await devCredential(folder, 'badges', 'server.jwt')
  const seed = Buffer.from(await devCredential(folder, 'server.key'), 'base64url')
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
  return { did: 'did:web:registry.capiscio.invalid:servers:example-server', badge, privateKey, pem }
}
