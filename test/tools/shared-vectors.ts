import { existsSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..', '..', 'shared', 'vectors')

/** Path of third-party test vectors beside the project, or `undefined` where they are not. */
export function sharedVectors(name: string): string | undefined {
  const path = join(ROOT, name)
  return existsSync(path) ? path : undefined
}
