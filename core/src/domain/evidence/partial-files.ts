import type { PublicLogFiles } from '../../ports/log-files.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Timer } from '../../ports/timer.ts'

/** How long readers that saw an older checkpoint may still fetch the partial files of its size (evidence-log §3.3). */
export const GRACE_MS = 60_000

export interface PartialFilesOptions {
  readonly files: Pick<PublicLogFiles, 'remove' | 'partialFiles'>
  readonly timer: Timer
  readonly telemetry: Pick<Telemetry, 'fault'>
  /** Paths of the partial files that the published tree needs, or one that is being published. */
  readonly needed: () => readonly string[]
}

/** Removes partial files that a later checkpoint has superseded, a minute later. */
export interface PartialFiles {
  /** These belong to an older checkpoint than the published one, unless the newest needs them too. */
  supersede(paths: readonly string[]): void
  /** Removes nothing any more. */
  stop(): void
  /** Resolves when no removal is under way. */
  settled(): Promise<void>
}

/** Also removes, after the same minute, whatever partial files earlier processes left behind. */
export function createPartialFiles({ files, timer, telemetry, needed }: PartialFilesOptions): PartialFiles {
  // Removed at the end of their own minute, and until then by nothing else.
  const waiting = new Set<string>()
  const cancels = new Set<() => void>()
  let stopped = false
  let removing: Promise<void> = Promise.resolve()

  function later(action: () => Promise<void>): void {
    const cancel = timer.after(GRACE_MS, () => {
      cancels.delete(cancel)
      removing = removing.then(action).catch((cause: unknown) => {
        // A file too many misleads nobody.
        telemetry.fault({ where: 'removing partial evidence files', cause })
      })
    })
    cancels.add(cancel)
  }

  async function removeUnneeded(paths: Iterable<string> | AsyncIterable<string>): Promise<void> {
    for await (const path of paths) {
      if (stopped) return
      if (!waiting.has(path) && !needed().includes(path)) await files.remove(path)
    }
  }

  later(() => removeUnneeded(files.partialFiles()))

  return {
    supersede(paths) {
      const gone = paths.filter((path) => !needed().includes(path))
      for (const path of gone) waiting.add(path)
      if (gone.length === 0) return
      later(async () => {
        for (const path of gone) waiting.delete(path)
        await removeUnneeded(gone)
      })
    },
    stop() {
      stopped = true
      for (const cancel of cancels) cancel()
    },
    settled: () => removing,
  }
}
