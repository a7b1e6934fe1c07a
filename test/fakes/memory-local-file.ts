import type { LocalRevocationFile } from '../../core/src/ports/local-revocation-file.ts'

/** A file of local revocations in memory; absent until its first line. */
export function createMemoryLocalFile(): LocalRevocationFile & { text: string | undefined } {
  const file = {
    path: '/local-revocations.jsonl',
    text: undefined as string | undefined,
    async read(known?: string) {
      const version = JSON.stringify(file.text ?? null)
      if (known === version) return undefined as never
      return { bytes: file.text === undefined ? undefined : new TextEncoder().encode(file.text), version }
    },
    async append(line: string, cutAt?: number) {
      file.text = `${(file.text ?? '').slice(0, cutAt)}${line}\n`
    },
  }
  return file
}
