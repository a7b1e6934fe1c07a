import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const CACHE = join(tmpdir(), `capiscio-interop-${process.getuid?.() ?? 'user'}`)

/**
 * What a suite needs from outside: another language and its packages. Where it cannot be had
 * the suite says so and is skipped, except on the build server, where it fails.
 */
export async function obtained<T>(what: string, obtain: () => Promise<T>): Promise<T | undefined> {
  try {
    return await obtain()
  } catch (cause) {
    const reason = `${what} cannot be had here`
    if (process.env.CI === 'true') throw new Error(reason, { cause })
    console.warn(`Skipped: ${reason}. ${cause instanceof Error ? cause.message : String(cause)}`)
    return undefined
  }
}

/**
 * A folder that `make` fills once for these inputs and that later runs find again. It appears
 * complete or not at all; who comes while it is made waits for it.
 */
export async function cachedFolder(
  name: string,
  inputs: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 16)
  const folder = join(CACHE, `${name}-${hash}`)
  const scratch = `${folder}.making`
  await mkdir(CACHE, { recursive: true, mode: 0o700 })
  const release = await hold(`${folder}.lock`)
  try {
    if (existsSync(folder)) return folder
    await rm(scratch, { recursive: true, force: true })
    await mkdir(scratch)
    await make(scratch)
    await rename(scratch, folder)
    return folder
  } finally {
    await release()
  }
}

const LOOK_AGAIN_MS = 200

/** Holds a lock file that names this process. One of a process that is gone counts for nothing. */
async function hold(lock: string): Promise<() => Promise<void>> {
  while (true) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' })
      return () => rm(lock, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = Number(await readFile(lock, 'utf8').catch(() => process.pid))
    if (!isRunning(holder)) await rm(lock, { force: true })
    else await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
  }
}

function isRunning(pid: number): boolean {
  // Between making the file and writing the number it is empty.
  if (pid === 0) return true
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
