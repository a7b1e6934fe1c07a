/** What a command needs of the process, so that it can run inside another one. */
export interface CliIo {
  stdout(text: string): void
  stderr(text: string): void
  readonly stdoutIsTty: boolean
  readonly stderrIsTty: boolean
  /** Standard input, for commands that take `-`. Absent means that there is none. */
  readonly stdin?: AsyncIterable<Uint8Array>
  readonly env: Readonly<Record<string, string | undefined>>
  /** What the process ends with: 0 done, 1 refused or failed, 2 wrong usage. The last one set counts. */
  setExitCode(code: number): void
}

/** The command did its work, and the answer is no. */
export const EXIT_FAILURE = 1

/** Stored evidence is not what was written; a person must decide. */
export const EXIT_EVIDENCE = 3

/** A mistake at a place, as commands report it. */
export interface PrintedProblem {
  readonly source: string
  readonly reason: string
}

/** One JSON document, the whole of what `--json` prints. */
export function printJson(io: CliIo, value: unknown): void {
  io.stdout(`${JSON.stringify(value, null, 2)}\n`)
}

/** Names and values in two or more aligned columns. */
export function printTable(io: CliIo, rows: readonly (readonly string[])[]): void {
  const shown = rows.map((row) => row.map(printable))
  const widths = shown.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  )
  for (const row of shown) {
    const line = row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
    io.stdout(`${line.join('  ').trimEnd()}\n`)
  }
}

/**
 * Reports a refusal and sets exit code 1: on standard error for people, with `--json` as
 * `{"valid": false, …}` on standard output.
 */
export function printRefusal(io: CliIo, json: boolean, problems: readonly PrintedProblem[], more: object = {}): void {
  io.setExitCode(EXIT_FAILURE)
  if (json) {
    printJson(io, { valid: false, ...more, problems })
    return
  }
  for (const { source, reason } of problems) io.stderr(`${printable(source)}: ${printable(reason)}\n`)
}

/**
 * Text for a terminal. What is printed may come from a file or the command line and hold
 * control characters, which could rewrite what a person sees; they are shown as escapes.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029\p{Cs}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    return `\\u{${code.toString(16)}}`
  })
}
