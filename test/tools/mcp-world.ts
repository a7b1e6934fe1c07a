import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInProcessCore, type InProcessCore } from '@capiscio/core'
import { createNodeEd25519Signer } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { DEV_ISSUER, DEV_ISSUER_KID } from '../../core/src/cli/dev/dev-folder.ts'
import { issueBadge } from '../../core/src/domain/badge/issue-badge.ts'
import { makeDevFolder } from './dev-folder.ts'

/** An MCP server with an identity of the development issuer. */
export interface ServerOfOurs {
  readonly did: string
  readonly badge: string
  readonly privateKey: KeyObject
  /** The same key, PKCS#8. */
  readonly pem: string
}

/** A core in this process, with everything that callers and servers need to meet under it. */
export interface McpWorld extends AsyncDisposable {
  readonly folder: string
  readonly core: InProcessCore
  /** Of the agent, levels 1 to 4. */
  readonly badges: readonly [string, string, string, string]
  /** The only configured API key. */
  readonly apiKey: string
  /** @param name the last part of its DID */
  server(name: string): ServerOfOurs
}

/** @param policy Text of the policy file. Default: that of `capiscio dev`. */
export async function openMcpWorld(policy?: string): Promise<McpWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'capiscio-mcp-world-'))
  await makeDevFolder(folder)
  if (policy !== undefined) await writeFile(join(folder, 'policy.yaml'), policy)
  const env = { HOME: folder }
  const core = await createInProcessCore({ config: join(folder, 'capiscio.yaml'), logLevel: 'silent', env })
  const read = async (...path: string[]): Promise<string> => (await readFile(join(folder, ...path), 'utf8')).trim()
  const badges = [1, 2, 3, 4].map((level) => read('badges', `level-${level}.jwt`))
  const issuer = createNodeEd25519Signer(Buffer.from(await read('issuer.key'), 'base64url'))
  return {
    folder,
    core,
    badges: (await Promise.all(badges)) as unknown as McpWorld['badges'],
    apiKey: await read('api-key'),
    server(name) {
      const { privateKey } = generateKeyPairSync('ed25519')
      const did = `did:web:registry.capiscio.invalid:servers:${name}`
      const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
      const { x = '' } = createPublicKey(createPrivateKey(pem)).export({ format: 'jwk' })
      const issuedAt = Math.floor(Date.now() / 1000)
      const contents = {
        ...({ jti: randomUUID(), issuer: DEV_ISSUER, subject: did, level: 2, domain: 'mcp.example.com' } as const),
        ...{ issuedAt, expiresAt: issuedAt + 600, subjectKey: Buffer.from(x, 'base64url') },
      }
      return { did, badge: issueBadge(contents, DEV_ISSUER_KID, issuer), privateKey, pem }
    },
    async [Symbol.asyncDispose]() {
      await core[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
