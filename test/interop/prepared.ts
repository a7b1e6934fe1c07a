import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
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
 * complete or not at all, also when several runs make it at the same time.
 */
export async function cachedFolder(
  name: string,
  inputs: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 16)
  const folder = join(CACHE, `${name}-${hash}`)
  if (existsSync(folder)) return folder
  const scratch = `${folder}.${process.pid}`
  await mkdir(scratch, { recursive: true, mode: 0o700 })
  try {
    await make(scratch)
    await rename(scratch, folder)
  } catch (error) {
    await rm(scratch, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
  return folder
}
