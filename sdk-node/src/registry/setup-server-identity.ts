import { createPrivateKey, createPublicKey } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { KeyGenerationError, readOptions } from '@capiscio/proto/sdk'
import { publicKeyToDidKey } from '../ed25519-did-key.ts'
import { generateServerKeypairSync, type ServerKeypair } from '../server-keypair.ts'
import { registerWith, requireServerId, type ServerRegistration } from './register-server-identity.ts'
import { openRegistry, REGISTRY_OPTION_NAMES, type RegistryOptions } from './registry-options.ts'

/** Options of `setupServerIdentity`. */
export interface SetupServerIdentityOptions extends RegistryOptions {
  /** Id of the server's record at the registry. */
  readonly serverId: string
  /** Where the private key is kept, as `<keyId>.pem`. Default: it is only given back. */
  readonly outputDir?: string | undefined
  /** Name of the key. Default: the server's id with `outputDir`, else derived from the key. */
  readonly keyId?: string | undefined
  /** Make the record if the registry has none. Default false. */
  readonly create?: boolean | undefined
  /** With `create`: what the record is called. Default: its id. */
  readonly name?: string | undefined
}

/** A key pair and what became of its registration. */
export interface SetUpServerIdentity extends Omit<ServerKeypair, 'didKey'>, ServerRegistration {}

const NAMES = [...REGISTRY_OPTION_NAMES, 'serverId', 'outputDir', 'keyId', 'create', 'name'] as const

/**
 * Makes a key pair here and registers it with a proof of possession. The key is on disk before
 * the registry hears of it; with `outputDir`, one that is there is used, so that a run that was
 * interrupted can be repeated.
 *
 * @throws TypeError for wrong options, and when no registry is named.
 * @throws KeyGenerationError when the key cannot be made, written or read.
 * @throws RegistrationError when the registry refuses or does not answer.
 */
export async function setupServerIdentity(options: SetupServerIdentityOptions): Promise<SetUpServerIdentity> {
  readOptions(options, NAMES, 'The options of setupServerIdentity')
  const { serverId, outputDir, create, name } = options
  requireServerId(serverId)
  const { client } = openRegistry(options)
  const keyId = options.keyId ?? (outputDir === undefined ? undefined : serverId)
  const { didKey: did, ...pair } = keyed(outputDir, keyId) ?? generateServerKeypairSync({ keyId, outputDir })
  const { publicKeyPem: publicKey, privateKeyPem: privateKey } = pair
  return { ...pair, ...(await registerWith(client, { serverId, did, publicKey, privateKey, create, name })) }
}

/** The key that is there; undefined where there is none. */
function keyed(outputDir: string | undefined, keyId: string | undefined): ServerKeypair | undefined {
  // A name that cannot be a key's is refused where keys are made.
  if (outputDir === undefined || keyId === undefined || !/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(keyId)) return
  const privateKeyPath = join(resolve(outputDir), `${keyId}.pem`)
  if (!existsSync(privateKeyPath)) return undefined
  return { keyId, privateKeyPath, ...readPrivateKeyFile(privateKeyPath) }
}

/**
 * Reads a private key that nobody else can read.
 *
 * @throws KeyGenerationError
 */
export function readPrivateKeyFile(path: string): Pick<ServerKeypair, 'didKey' | 'publicKeyPem' | 'privateKeyPem'> {
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    throw new KeyGenerationError(
      `Others can read ${path}: chmod 600 it, and replace the key if somebody may have read it.`,
    )
  }
  return readPrivateKeyPem(readFileSync(path, 'utf8'), path)
}

/** @throws KeyGenerationError naming where it came from, without a word of it */
export function readPrivateKeyPem(
  privateKeyPem: string,
  where: string,
): Pick<ServerKeypair, 'didKey' | 'publicKeyPem' | 'privateKeyPem'> {
  try {
    const privateKey = createPrivateKey(privateKeyPem)
    if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error('another kind of key')
    const publicKey = createPublicKey(privateKey)
    return {
      didKey: publicKeyToDidKey(publicKey),
      publicKeyPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
      privateKeyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    }
  } catch {
    throw new KeyGenerationError(`${where} holds no Ed25519 private key in PEM (PKCS#8).`)
  }
}
