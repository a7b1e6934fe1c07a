import { randomUUID } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createNodeEd25519Signer } from '../../adapters/crypto/node-ed25519.ts'
import { systemRandom } from '../../adapters/crypto/system-random.ts'
import { type BadgeContents, issueBadge } from '../../domain/badge/issue-badge.ts'
import { toDidKey } from '../../domain/did/did-key.ts'
import { toPrivateKeyPem } from '../../domain/did/key-pem.ts'
import { createApiKey, hashApiKey } from '../../domain/guard/api-keys.ts'
import { decodeBase64url, encodeBase64url } from '../../lib/base64url.ts'
import type { Ed25519Signer } from '../../ports/ed25519.ts'

/** Issuer of the example badges. `.invalid` never resolves: nothing is ever fetched from it. */
export const DEV_ISSUER = 'https://registry.capiscio.invalid'

export const DEV_ISSUER_KID = 'capiscio-dev-1'

/** The self-signed example badge lives a working day. The others are issued by the registry, and kept fresh. */
const BADGE_LIFETIME_SECONDS = 12 * 60 * 60

/** Everything that `capiscio dev` keeps in its folder. */
export interface DevFolder {
  readonly path: string
  readonly configFile: string
  readonly policyFile: string
  readonly apiKeyFile: string
  readonly badgeFiles: readonly { readonly name: string; readonly path: string }[]
  readonly keys: DevKeys
  /** Writes the configuration, once it is known where the registry is reached. */
  configure(registryUrl: string): Promise<void>
}

/** Keys that are kept from run to run. */
export interface DevKeys {
  readonly issuer: Ed25519Signer
  /** Secret. The private half of `issuer`, which is also the registry's CA key. */
  readonly issuerSeed: Uint8Array
  readonly agent: Ed25519Signer
  readonly server: Ed25519Signer
}

/**
 * Makes or completes the folder of a development core: issuer keys, an API key and a
 * policy are kept from run to run; configuration and badges are made anew. Badges of levels 1 to 4
 * come from the registry.
 */
export async function prepareDevFolder(path: string, nowMs: number): Promise<DevFolder> {
  const at = (...parts: string[]): string => join(path, ...parts)
  await mkdir(at('badges'), { recursive: true, mode: 0o700 })

  const issuerSeed = await keep(at('issuer.key'), () => encodeBase64url(systemRandom.bytes(32)))
  const agentSeed = await keep(at('agent.key'), () => encodeBase64url(systemRandom.bytes(32)))
  const serverSeed = await keep(at('server.key'), () => encodeBase64url(systemRandom.bytes(32)))
  const apiKey = await keep(at('api-key'), () => createApiKey('dev', systemRandom).key)
  await keep(at('policy.yaml'), () => EXAMPLE_POLICY)

  const issuer = signerFrom(issuerSeed, at('issuer.key'))
  const agent = signerFrom(agentSeed, at('agent.key'))
  const server = signerFrom(serverSeed, at('server.key'))
  // The same key as files and SDKs take it, for a server that says who it is.
  await write(at('server.pem'), toPrivateKeyPem(decodeBase64url(serverSeed) ?? new Uint8Array()))
  const jwks = {
    keys: [
      {
        kty: 'OKP',
        crv: 'Ed25519',
        kid: DEV_ISSUER_KID,
        x: encodeBase64url(issuer.publicKey),
        use: 'sig',
        alg: 'EdDSA',
      },
    ],
  }
  await write(at('jwks.json'), `${JSON.stringify(jwks, null, 2)}\n`)

  const issuedAt = Math.floor(nowMs / 1000)
  const expiresAt = issuedAt + BADGE_LIFETIME_SECONDS
  const agentDid = toDidKey(agent.publicKey)
  const shared = { issuedAt, expiresAt, subjectKey: agent.publicKey }
  const registered = {
    ...shared,
    issuer: DEV_ISSUER,
    subject: 'did:web:registry.capiscio.invalid:agents:example-agent',
    domain: 'agents.example.com',
  }
  const selfSigned: Omit<BadgeContents, 'jti'> = { ...shared, issuer: agentDid, subject: agentDid, level: 0 }
  const badges: Record<string, string> = {
    'level-0': issueBadge(
      { ...selfSigned, jti: randomUUID() },
      `${agentDid}#${agentDid.slice('did:key:'.length)}`,
      agent,
    ),
  }
  const past = { issuedAt: issuedAt - 7200, expiresAt: issuedAt - 3600 }
  badges.expired = issueBadge({ ...registered, ...past, level: 3, jti: randomUUID() }, DEV_ISSUER_KID, issuer)

  const badgeFiles = ['level-1', 'level-2', 'level-3', 'level-4', 'server'].map((name) => ({
    name,
    path: at('badges', `${name}.jwt`),
  }))
  for (const [name, badge] of Object.entries(badges)) {
    const file = at('badges', `${name}.jwt`)
    await write(file, `${badge}\n`)
    badgeFiles.push({ name, path: file })
  }
  return {
    path,
    configFile: at('capiscio.yaml'),
    policyFile: at('policy.yaml'),
    apiKeyFile: at('api-key'),
    badgeFiles,
    keys: { issuer, issuerSeed: decodeBase64url(issuerSeed) ?? new Uint8Array(), agent, server },
    configure: (registryUrl) => write(at('capiscio.yaml'), configText(hashApiKey(apiKey), registryUrl)),
  }
}

/** Returns the file's text, making the file first when it is not there. */
async function keep(path: string, make: () => string): Promise<string> {
  try {
    await writeFile(path, `${make().trimEnd()}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return (await readFile(path, 'utf8')).trim()
}

function write(path: string, text: string): Promise<void> {
  return writeFile(path, text, { mode: 0o600 })
}

function signerFrom(seed: string, path: string) {
  const bytes = decodeBase64url(seed)
  if (bytes?.length !== 32) throw new Error(`${path} does not hold a key: remove the file and a new one is made`)
  return createNodeEd25519Signer(bytes)
}

const configText = (
  hash: string,
  registryUrl: string,
): string => `# Made by "capiscio dev" at every start; edit policy.yaml instead.
profile: dev
stateDir: state
evidence:
  root: evidence
policyFile: policy.yaml
trust:
  storePath: trust
  acceptLevelZero: true
  issuers:
    - issuer: ${DEV_ISSUER}
      jwksFile: jwks.json
      apiUrl: ${registryUrl}
      didNamespaceUrl: ${registryUrl}
apiKeys:
  - name: dev
    hash: ${hash}
`

const EXAMPLE_POLICY = `# What callers need to run a tool. Every rule that matches applies; the strictest wins.
# After a change: capiscio reload --config with the capiscio.yaml beside this file.
version: 1
default:
  minTrustLevel: 0
tools:
  - match: ["read_*", "query_*"]
    minTrustLevel: 2
  - match: ["write_*", "delete_*"]
    minTrustLevel: 3
    requireBadge: true
  - match: ["drop_*"]
    deny: true
`
