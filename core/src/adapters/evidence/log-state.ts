import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeBase64url, encodeBase64url } from '../../lib/base64url.ts'
import { makeDirectoryDurably, syncDirectory } from '../files/durable-write.ts'
import { errorCode } from './error-code.ts'
import { readJsonFile, writeJsonFile } from './json-file.ts'
import { LogDirectoryRefused } from './log-directory-refused.ts'
import { type EarlierKey, parseEarlierKeys } from './log-identity.ts'
import { checkPrivateDirectory, syncWithAncestors } from './private-directory.ts'

const SEED_BYTES = 32

/** What the state folder remembers about evidence logs, each known by its 16 hexadecimal digits. */
export interface LogState {
  /** Refuses a state folder that cannot be used. Changes nothing. */
  check(): Promise<void>
  /** Where the key of a log is kept, for messages. */
  keyFile(id: string): string
  /**
   * The log's signing key, or `undefined` when there is no key file.
   *
   * @throws {LogDirectoryRefused} LOG_KEY_MALFORMED, LOG_WRONG_MODE, LOG_WRONG_OWNER or LOG_FORMAT_NEWER
   */
  readKey(id: string, origin: string): Promise<StoredLogKey | undefined>
  /** Keeps a key in the place of the one that was there. Durable on return. */
  writeKey(id: string, origin: string, key: StoredLogKey): Promise<void>
  /**
   * The checkpoint that was remembered last; it came from this log's own writer. Unverified.
   *
   * @throws {LogDirectoryRefused} LOG_HEAD_MALFORMED
   */
  readHead(id: string): Promise<Uint8Array | undefined>
  /** Remembers a checkpoint. Durable on return. */
  writeHead(id: string, checkpoint: Uint8Array): Promise<void>
  /** Ids of the logs that were last opened in this folder (canonical path). */
  logsIn(directory: string): Promise<readonly string[]>
  /** The folder where a log was last opened. */
  directoryOf(id: string): Promise<string | undefined>
  /** Remembers where a log is. Durable on return. */
  rememberDirectory(id: string, directory: string): Promise<void>
  /** Forgets where a log is; its key stays. Durable on return. */
  forgetDirectory(id: string): Promise<void>
}

/** Seeds of 32 bytes. */
export interface StoredLogKey {
  readonly seed: Uint8Array
  /**
   * Keys that signed before, oldest first, the previous one among them. `log.json` says so too,
   * where somebody without any of these keys could name one of their own. Default: none.
   */
  readonly earlierKeys?: readonly EarlierKey[]
  /** A rotation to this key was begun: it signs as soon as `log.json` names it. */
  readonly nextSeed?: Uint8Array
  /** The key before, which still signs beside it. */
  readonly previousSeed?: Uint8Array
  /** Wall clock until which the two sign together, milliseconds since the Unix epoch. */
  readonly overlapUntilMs?: number
}

/** @param stateDir absolute; keys go to `log-keys/`, whereabouts to `log-directories/`, checkpoints to `log-heads/`, each `<16 hex>.json` */
export function createLogState(stateDir: string): LogState {
  const keys = join(stateDir, 'log-keys')
  const directories = join(stateDir, 'log-directories')
  const heads = join(stateDir, 'log-heads')
  const keyFile = (id: string) => join(keys, `${id}.json`)
  const directoryFile = (id: string) => join(directories, `${id}.json`)
  const headFile = (id: string) => join(heads, `${id}.json`)

  async function directoryOf(id: string): Promise<string | undefined> {
    return (await readJsonFile(directoryFile(id), ['directory'], 'LOG_KEY_MALFORMED'))?.directory
  }

  return {
    keyFile,
    directoryOf,

    async check() {
      for (const folder of [stateDir, keys, directories, heads]) await checkPrivateDirectory(folder)
    },

    async readKey(id, origin) {
      const path = keyFile(id)
      const file = await readJsonFile(path, ['origin', 'seed'], 'LOG_KEY_MALFORMED')
      if (file === undefined) return undefined
      const { mode, uid } = await stat(path)
      const user = process.geteuid?.()
      if (user !== undefined && uid !== user) {
        throw new LogDirectoryRefused(
          'LOG_WRONG_OWNER',
          path,
          `${path} belongs to user ${uid}, not ${user}. Run as its owner.`,
        )
      }
      if ((mode & 0o077) !== 0) {
        throw new LogDirectoryRefused(
          'LOG_WRONG_MODE',
          path,
          `Others may read the signing key ${path}. Take that away: chmod 600 ${path}`,
        )
      }
      const seed = parseSeed(file.seed)
      const nextSeed = parseSeed(file['nextSeed'])
      const previousSeed = parseSeed(file['previousSeed'])
      const until = file['overlapUntilMs']
      const earlierKeys = parseEarlierKeys(file['earlierKeys'])
      const isWhole =
        earlierKeys !== undefined &&
        (file['nextSeed'] === undefined) === (nextSeed === undefined) &&
        (file['previousSeed'] === undefined) === (previousSeed === undefined) &&
        (until === undefined || Number.isSafeInteger(until))
      if (seed === undefined || !isWhole || file.origin !== origin) {
        throw new LogDirectoryRefused(
          'LOG_KEY_MALFORMED',
          path,
          `${path} does not hold the key of ${origin}. Put it back from a copy.`,
        )
      }
      return {
        seed,
        ...(earlierKeys.length > 0 && { earlierKeys }),
        ...(nextSeed && { nextSeed }),
        ...(previousSeed && { previousSeed }),
        ...(until !== undefined && { overlapUntilMs: Number(until) }),
      }
    },

    async writeKey(id, origin, { seed, earlierKeys = [], nextSeed, previousSeed, overlapUntilMs }) {
      await makeDirectoryDurably(keys)
      await writeJsonFile(keyFile(id), {
        origin,
        seed: encodeBase64url(seed),
        ...(earlierKeys.length > 0 && { earlierKeys }),
        ...(nextSeed && { nextSeed: encodeBase64url(nextSeed) }),
        ...(previousSeed && { previousSeed: encodeBase64url(previousSeed) }),
        ...(overlapUntilMs !== undefined && { overlapUntilMs }),
      })
      await syncWithAncestors(keys)
    },

    async readHead(id) {
      const file = await readJsonFile(headFile(id), ['checkpoint'], 'LOG_HEAD_MALFORMED')
      return file && new TextEncoder().encode(file.checkpoint)
    },

    async writeHead(id, checkpoint) {
      await makeDirectoryDurably(heads)
      await writeJsonFile(headFile(id), { checkpoint: new TextDecoder().decode(checkpoint) })
    },

    async logsIn(directory) {
      const files = await readdir(directories).catch((error: unknown) => {
        if (errorCode(error) === 'ENOENT') return []
        throw error
      })
      const ids = files.flatMap((file) => /^([0-9a-f]{16})\.json$/.exec(file)?.[1] ?? [])
      const whereabouts = await Promise.all(ids.map(async (id) => ({ id, directory: await directoryOf(id) })))
      return whereabouts.filter((log) => log.directory === directory).map(({ id }) => id)
    },

    async rememberDirectory(id, directory) {
      await makeDirectoryDurably(directories)
      await writeJsonFile(directoryFile(id), { directory })
    },

    async forgetDirectory(id) {
      await rm(directoryFile(id), { force: true })
      await syncDirectory(directories)
    },
  }
}

function parseSeed(text: unknown): Uint8Array | undefined {
  const seed = typeof text === 'string' ? decodeBase64url(text) : undefined
  return seed?.length === SEED_BYTES ? seed : undefined
}
