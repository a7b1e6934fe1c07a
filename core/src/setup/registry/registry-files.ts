import { join } from 'node:path'
import { createNodeEd25519Signer } from '../../adapters/crypto/node-ed25519.ts'
import { readCaKeyFile, readCaKeys } from '../../adapters/registry/ca-key-files.ts'
import { RegistryStoreRefused } from '../../adapters/registry/registry-store-refused.ts'
import type { RegistryConfig } from '../../config/registry-config.ts'
import type { CaKey } from '../../domain/registry/ca-keys.ts'

/** Where a registry keeps what is not in its database. */
export interface RegistryFolders {
  readonly caKeys: string
  readonly evidence: string
  /** Key and remembered head of the evidence log. */
  readonly evidenceState: string
}

export function registryFolders({ dataDir }: Pick<RegistryConfig, 'dataDir'>): RegistryFolders {
  return {
    caKeys: join(dataDir, 'ca-keys'),
    evidence: join(dataDir, 'evidence'),
    evidenceState: join(dataDir, 'evidence-state'),
  }
}

/**
 * The registry's CA keys. A configured key must be one of them: another one would silently
 * invalidate every live badge.
 *
 * @throws {RegistryStoreRefused}
 */
export async function loadCaKeys(config: RegistryConfig): Promise<readonly CaKey[]> {
  const files = await readCaKeys(registryFolders(config).caKeys, createNodeEd25519Signer)
  const keys = files.map(({ kid, seed, activeFromMs }) => ({
    kid,
    activeFromMs,
    signer: createNodeEd25519Signer(seed),
  }))
  if (config.caKeyFile !== undefined) {
    const wanted = createNodeEd25519Signer((await readCaKeyFile(config.caKeyFile, createNodeEd25519Signer)).seed)
    if (!keys.some(({ signer }) => Buffer.from(signer.publicKey).equals(wanted.publicKey))) {
      throw new RegistryStoreRefused(
        'CA_KEY_MISSING',
        `The key in ${config.caKeyFile} is none of this registry's. A registry takes a key over when it is made: capiscio registry init --ca-key.`,
      )
    }
  }
  return keys
}
