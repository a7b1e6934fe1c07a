import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { CoreNotFoundError } from '@capiscio/proto/sdk'

const WHAT_TO_DO = 'Install it ("npm install @capiscio/core"), or run a core elsewhere and set CAPISCIO_CORE_ADDR.'

/**
 * Path of the command `capiscio` of the installed package `@capiscio/core`. It is looked
 * for from this package, then from the program that was started; never from the working
 * directory, which may belong to somebody else.
 *
 * @throws CoreNotFoundError when it is not installed, or installed without its command.
 */
export function findCoreCommand(bases: readonly string[] = searchBases()): string {
  for (const base of bases) {
    const manifest = resolveManifest(base)
    if (manifest !== undefined) return commandOf(manifest)
  }
  throw new CoreNotFoundError(`No core is set, and the package @capiscio/core is not installed. ${WHAT_TO_DO}`)
}

function searchBases(): string[] {
  const program = process.argv[1]
  return program === undefined ? [import.meta.url] : [import.meta.url, program]
}

function resolveManifest(base: string): string | undefined {
  try {
    return createRequire(base).resolve('@capiscio/core/package.json')
  } catch {
    return undefined
  }
}

function commandOf(manifest: string): string {
  const { bin }: { bin?: unknown } = JSON.parse(readFileSync(manifest, 'utf8'))
  const relative: unknown = typeof bin === 'object' && bin !== null ? Reflect.get(bin, 'capiscio') : bin
  const command = typeof relative === 'string' ? join(dirname(manifest), relative) : undefined
  if (command !== undefined && existsSync(command)) return command
  throw new CoreNotFoundError(
    `The package @capiscio/core at ${dirname(manifest)} has no command "capiscio", or was not built. ${WHAT_TO_DO}`,
  )
}
