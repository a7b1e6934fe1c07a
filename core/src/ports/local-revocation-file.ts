import type { VersionedFile } from './versioned-file.ts'

/**
 * The file of what the operator of this core revoked: lines, read and written by people
 * too. Several cores of one user may share it.
 *
 * `append` adds one line, given without its end, after cutting the file to `cutAt` bytes
 * if that is given, and after ending a last line that has no end. When it resolves the
 * line survives a power cut. Rejects with the system's error.
 */
export interface LocalRevocationFile extends VersionedFile {
  append(line: string, cutAt?: number): Promise<void>
}
