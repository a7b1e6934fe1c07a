import { KeyStoreRefused, type StoredKey } from '../../ports/key-store.ts'

const FORMAT_VERSION = 1

/** The text of a key file. Secret. */
export function formatKeyFile({ id, publicKey, seed, createdAtMs }: StoredKey): string {
  const file = {
    version: FORMAT_VERSION,
    id,
    publicKey: Buffer.from(publicKey).toString('base64url'),
    seed: Buffer.from(seed).toString('base64url'),
    createdAt: new Date(createdAtMs).toISOString(),
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/**
 * Reads a key file back.
 *
 * @param id what the file is named for: a file that was renamed is not the key of its new name
 * @throws {KeyStoreRefused} KEY_DAMAGED
 */
export function parseKeyFile(text: string, id: string, path: string): StoredKey {
  const { version, id: written, publicKey, seed, createdAt } = parseObject(text)
  const key = {
    id,
    publicKey: toKey(publicKey),
    seed: toKey(seed),
    createdAtMs: Date.parse(String(createdAt)),
  }
  if (version !== FORMAT_VERSION || written !== id || Number.isNaN(key.createdAtMs)) throw damaged(path)
  if (key.publicKey === undefined || key.seed === undefined) throw damaged(path)
  return { ...key, publicKey: key.publicKey, seed: key.seed }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    // What the parser says would quote the key.
    return {}
  }
}

function toKey(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined
  const bytes = Buffer.from(value, 'base64url')
  return bytes.length === 32 && bytes.toString('base64url') === value ? new Uint8Array(bytes) : undefined
}

function damaged(path: string): KeyStoreRefused {
  return new KeyStoreRefused('KEY_DAMAGED', `${path} is damaged, or of another version. Put it back from a copy.`)
}
