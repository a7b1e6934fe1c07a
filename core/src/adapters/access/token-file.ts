import { hash } from 'node:crypto'
import { FileRefused } from '../files/file-refused.ts'
import { readSecretFile } from '../files/read-operator-file.ts'
import { watchFiles } from '../files/watch-files.ts'

export interface TokenFileOptions {
  /** One token a line, each of them valid, so that a new one can be introduced before the old one goes. */
  readonly path: string
  /** Time between two looks at the file, in milliseconds. Default 1000. */
  readonly checkEveryMs?: number
  /** A change was refused, or something deserves a look. The message holds no secret. */
  readonly onWarning: (message: string) => void
}

/** The tokens that callers may show, as hashes: nothing here can be used as one. */
export interface TokenFile extends Disposable {
  /** SHA-256 of each valid token, 32 bytes. Never empty. */
  hashes(): readonly Uint8Array[]
  /** Looks at the file now. Resolves when a change, if there was one, is in force or refused. */
  check(): Promise<void>
}

/** RFC 6750 §2.1, and long enough that nobody guesses one: 32 characters are at least 128 bits of any usual generator. */
const TOKEN = /^[A-Za-z0-9\-._~+/]{32,512}={0,2}$/

const MAX_TOKENS = 8

/**
 * Reads the file with the tokens and follows it. A broken change is reported and what was
 * good stays: it neither locks everybody out nor lets anybody in.
 *
 * @throws {FileRefused} when it cannot be used at all
 */
export async function openTokenFile(options: TokenFileOptions): Promise<TokenFile> {
  const { path, checkEveryMs = 1_000, onWarning } = options

  async function load(): Promise<readonly Uint8Array[]> {
    const { text, groupReadable } = await readSecretFile(path)
    if (groupReadable) onWarning(`${path} can be read by its group: see that only the core is in it.`)
    const tokens = text.split(/\r?\n/).filter((line) => line !== '')
    if (tokens.length < 1 || tokens.length > MAX_TOKENS || !tokens.every((token) => TOKEN.test(token))) {
      throw new FileRefused(
        'FILE_INVALID',
        path,
        `${path} must hold 1 to ${MAX_TOKENS} tokens, one a line, each of 32 to 512 letters, digits or -._~+/: make one with "openssl rand -hex 32".`,
      )
    }
    return tokens.map((token) => hash('sha256', token, 'buffer'))
  }

  async function reload(): Promise<void> {
    try {
      hashes = await load()
    } catch (refused) {
      if (!(refused instanceof FileRefused)) throw refused
      onWarning(`${refused.message} The tokens that were valid stay valid.`)
    }
  }

  const watch = await watchFiles({ paths: [path], everyMs: checkEveryMs, onChange: reload })
  let hashes = await load().catch((refused: unknown) => {
    watch.close()
    throw refused
  })
  return { hashes: () => hashes, check: () => watch.check(), [Symbol.dispose]: () => watch.close() }
}
