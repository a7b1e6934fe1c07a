import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeBase64url, encodeBase64url } from '../../lib/base64url.ts'
import type { Ed25519Signer } from '../../ports/ed25519.ts'
import { makeDirectoryDurably, writeFileDurably } from '../files/durable-write.ts'
import { RegistryStoreRefused } from './registry-store-refused.ts'

/** A CA key as it is kept: `KID.jwk`, a private JWK (RFC 8037) with the member `activeFrom`. */
export interface CaKeyFile {
  readonly kid: string
  readonly seed: Uint8Array
  readonly activeFromMs: number
}

const SUFFIX = '.jwk'

const KID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/

/**
 * Reads every key of the folder.
 *
 * @param createSigner tells the public key of a seed
 * @throws {RegistryStoreRefused} CA_KEY_MISSING where there is none; CA_KEY_WRONG_MODE, CA_KEY_MALFORMED
 */
export async function readCaKeys(
  folder: string,
  createSigner: (seed: Uint8Array) => Ed25519Signer,
): Promise<readonly CaKeyFile[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(SUFFIX)).sort()
  const [first, ...others] = names
  if (first === undefined) {
    throw new RegistryStoreRefused(
      'CA_KEY_MISSING',
      `${folder} holds no CA key. Put it back from a copy; only a new registry gets a new one, by capiscio registry init.`,
    )
  }
  return Promise.all(
    [first, ...others].map(async (name) => {
      const key = await readCaKeyFile(join(folder, name), createSigner)
      if (`${key.kid}${SUFFIX}` === name) return key
      throw malformed(join(folder, name), 'its kid is not its name')
    }),
  )
}

/** Reads one private JWK, such as one that is brought along. */
export async function readCaKeyFile(
  path: string,
  createSigner: (seed: Uint8Array) => Ed25519Signer,
): Promise<CaKeyFile> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new RegistryStoreRefused('CA_KEY_MISSING', `${path} cannot be read.`, { cause })
  })
  if (((await stat(path)).mode & 0o077) !== 0) {
    throw new RegistryStoreRefused('CA_KEY_WRONG_MODE', `Others may read ${path}. Take that away: chmod 600 ${path}`)
  }
  const { kty, crv, kid, x, d, activeFrom = '1970-01-01T00:00:00.000Z' } = parseObject(path, text)
  const seed = typeof d === 'string' ? decodeBase64url(d) : undefined
  if (kty !== 'OKP' || crv !== 'Ed25519' || seed?.length !== 32) {
    throw malformed(path, 'it must be an Ed25519 JWK with its private member d')
  }
  if (typeof kid !== 'string' || !KID.test(kid)) throw malformed(path, 'kid must be letters, digits, ".", "_" and "-"')
  if (encodeBase64url(createSigner(seed).publicKey) !== x) throw malformed(path, 'x is not the public key of d')
  const activeFromMs = typeof activeFrom === 'string' ? Date.parse(activeFrom) : Number.NaN
  if (Number.isNaN(activeFromMs)) throw malformed(path, 'activeFrom must be a time')
  return { kid, seed, activeFromMs }
}

/**
 * Adds a key (0600). On return it survives a power cut.
 *
 * @throws {RegistryStoreRefused} CA_KEY_EXISTS
 */
export async function addCaKey(
  folder: string,
  { kid, seed, activeFromMs }: CaKeyFile,
  createSigner: (seed: Uint8Array) => Ed25519Signer,
): Promise<void> {
  await makeDirectoryDurably(folder)
  const jwk = {
    kty: 'OKP',
    crv: 'Ed25519',
    kid,
    x: encodeBase64url(createSigner(seed).publicKey),
    d: encodeBase64url(seed),
    use: 'sig',
    alg: 'EdDSA',
    activeFrom: new Date(activeFromMs).toISOString(),
  }
  const path = join(folder, kid + SUFFIX)
  if (existsSync(path)) throw new RegistryStoreRefused('CA_KEY_EXISTS', `${path} exists: there is a key with this id.`)
  // Whole or not at all: half a key would keep the registry from starting.
  await writeFileDurably(path, new TextEncoder().encode(`${JSON.stringify(jwk, null, 2)}\n`))
}

function parseObject(path: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return { ...value }
  } catch {
    // The parser's message quotes the text, which is a private key.
  }
  throw malformed(path, 'it is not a JSON object')
}

function malformed(path: string, reason: string): RegistryStoreRefused {
  return new RegistryStoreRefused('CA_KEY_MALFORMED', `${path} is not a CA key: ${reason}. Put it back from a copy.`)
}
