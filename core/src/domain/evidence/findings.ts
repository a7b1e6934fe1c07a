import { type EvidenceRefusalCode, EvidenceRefused } from './evidence-errors.ts'

/** One thing about a stored log that is not what was written. */
export interface Finding {
  readonly code: EvidenceRefusalCode
  /** Relative to the log folder, or the name of an anchor. */
  readonly file: string
  /** Of the first entry concerned, where one can be named. */
  readonly index?: number
  /** What should have been there. */
  readonly expected: string
}

/** Findings that are kept. A log that is damaged all over need not fill the memory. */
const MAX_FINDINGS = 1000

export interface Findings {
  readonly list: readonly Finding[]
  add(finding: Finding): void
  /** A refusal as a finding, about `file` unless it names another. */
  refused(file: string, refusal: EvidenceRefused): void
  /** Runs a step; a refusal becomes a finding and `undefined`. Other errors pass. */
  from<T>(file: string, step: () => Promise<T>): Promise<T | undefined>
}

export function createFindings(): Findings {
  const list: Finding[] = []
  function add(finding: Finding): void {
    if (list.length < MAX_FINDINGS) list.push(finding)
  }
  function refused(
    file: string,
    { code, index, message, expected = message, file: named = file }: EvidenceRefused,
  ): void {
    add({ code, file: named, ...(index !== undefined && { index }), expected })
  }
  return {
    list,
    add,
    refused,
    async from(file, step) {
      try {
        return await step()
      } catch (error) {
        if (!(error instanceof EvidenceRefused)) throw error
        refused(file, error)
        return undefined
      }
    },
  }
}
