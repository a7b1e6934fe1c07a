import { type AppendFile, type JournalFiles, nodeJournalFiles } from '../../core/src/adapters/evidence/journal-files.ts'

export type FileCall = 'create' | 'open' | 'write' | 'datasync' | 'syncDirectory'

/** The real file system with calls that fail, hang or do half. Counts every call. */
export interface FaultyFiles extends JournalFiles {
  readonly calls: Record<FileCall, number>
  /** The next call of this kind does this instead; it may call the real one. */
  next(call: FileCall, instead: (real: () => Promise<unknown>, bytes?: Uint8Array) => Promise<unknown>): void
}

/** An error as Node reports a failed system call. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}

export function createFaultyFiles(): FaultyFiles {
  const calls: Record<FileCall, number> = { create: 0, open: 0, write: 0, datasync: 0, syncDirectory: 0 }
  const planned = new Map<FileCall, (real: () => Promise<unknown>, bytes?: Uint8Array) => Promise<unknown>>()
  async function run<T>(call: FileCall, real: () => Promise<T>, bytes?: Uint8Array): Promise<T> {
    calls[call]++
    const instead = planned.get(call)
    planned.delete(call)
    return instead === undefined ? real() : ((await instead(real, bytes)) as T)
  }
  const wrap = (file: AppendFile): AppendFile => ({
    write: (bytes) => run('write', () => file.write(bytes), bytes),
    datasync: () => run('datasync', () => file.datasync()),
    stat: () => file.stat(),
    close: () => file.close(),
  })
  return {
    calls,
    next: (call, instead) => void planned.set(call, instead),
    create: async (path) => wrap(await run('create', () => nodeJournalFiles.create(path))),
    open: async (path) => wrap(await run('open', () => nodeJournalFiles.open(path))),
    syncDirectory: (path) => run('syncDirectory', () => nodeJournalFiles.syncDirectory(path)),
  }
}
