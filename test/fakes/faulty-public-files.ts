import { nodePublicFileCalls, type PublicFileCalls } from '../../core/src/adapters/evidence/public-file-calls.ts'
import { systemError } from './faulty-files.ts'

export type PublicCall = Exclude<keyof PublicFileCalls, 'stat'>

/** The real file system for publishing. Notes every call, and one of them can fail. */
export interface FaultyPublicFiles extends PublicFileCalls {
  /** `call path`, paths relative to the folder. */
  readonly calls: string[]
  /** The n-th call from now on (from 0) fails with EIO: without effect, or after it. */
  failAt(n: number, effect: 'nothing done' | 'all done'): void
  /** The next call, or the next of one kind, waits for this first. */
  holdNext(until: Promise<void>, kind?: PublicCall): void
}

export function createFaultyPublicFiles(folder: string): FaultyPublicFiles {
  const calls: string[] = []
  let failing: { at: number; readonly effect: 'nothing done' | 'all done' } | undefined
  let held: { readonly until: Promise<void>; readonly kind: PublicCall | undefined } | undefined

  async function run(call: PublicCall, path: string, real: () => Promise<void>): Promise<void> {
    calls.push(`${call} ${path.replace(`${folder}/`, '').replace(/\.[0-9a-f]{16}\.tmp$/, '.tmp')}`)
    if (held !== undefined && (held.kind ?? call) === call) {
      const { until } = held
      held = undefined
      await until
    }
    const fails = failing !== undefined && failing.at-- === 0
    if (!fails) return real()
    if (failing?.effect === 'all done') await real()
    throw systemError('EIO')
  }
  const real = nodePublicFileCalls
  return {
    calls,
    failAt(n, effect) {
      failing = { at: n, effect }
    },
    holdNext(until, kind) {
      held = { until, kind }
    },
    createSynced: (path, bytes) => run('createSynced', path, () => real.createSynced(path, bytes)),
    rename: (from, to) => run('rename', to, () => real.rename(from, to)),
    makeDirectory: (path) => run('makeDirectory', path, () => real.makeDirectory(path)),
    syncDirectory: (path) => run('syncDirectory', path, () => real.syncDirectory(path)),
    remove: (path) => run('remove', path, () => real.remove(path)),
    removeEmptyDirectory: (path) => run('removeEmptyDirectory', path, () => real.removeEmptyDirectory(path)),
    stat: real.stat,
  }
}
