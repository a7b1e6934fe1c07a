import { stat } from 'node:fs/promises'

export interface WatchFilesOptions {
  readonly paths: readonly string[]
  /** Time between two looks, in milliseconds. */
  readonly everyMs: number
  /** Called when any of the files is another one than at the last look. Must not reject. */
  readonly onChange: () => Promise<void>
}

/** Looks at files from time to time. Keeps no process alive. */
export interface FileWatch {
  /** Looks now. Resolves when a change, if there was one, has been dealt with. */
  check(): Promise<void>
  close(): void
}

/**
 * Watches by looking, because notifications miss what matters here: a link that is pointed
 * elsewhere, as secrets are replaced in containers, and files on network mounts. Resolves
 * after the first look: what is read afterwards is newer, so that no change is missed.
 */
export async function watchFiles({ paths, everyMs, onChange }: WatchFilesOptions): Promise<FileWatch> {
  let seen = await stampOf(paths)
  let looking: Promise<void> | undefined

  async function look(): Promise<void> {
    const stamp = await stampOf(paths)
    if (stamp === seen) return
    seen = stamp
    await onChange()
  }
  const check = (): Promise<void> => {
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }
  const timer = setInterval(() => void check(), everyMs)
  timer.unref()
  return { check, close: () => clearInterval(timer) }
}

async function stampOf(paths: readonly string[]): Promise<string> {
  const stamps = await Promise.all(
    paths.map((path) =>
      stat(path, { bigint: true }).then(
        ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(':'),
        () => 'unreadable',
      ),
    ),
  )
  return stamps.join(' ')
}
