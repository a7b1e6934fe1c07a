import { parseArgs } from 'node:util'

/** What one run of the bench does, decided. */
export interface BenchOptions {
  /** Rounds in which every case is measured once. */
  readonly rounds: number
  /** How long one case is measured in one round. */
  readonly sliceMs: number
  /** Tables to print, each with fresh processes. */
  readonly repeat: number
  /** Leave the million badges out. */
  readonly quick: boolean
  /** A saved run to compare with. */
  readonly compare: string | undefined
  /** Where the working folder and the results go. Its disk is the one that is measured. */
  readonly folder: string
}

export const USAGE = `Measures a core beside a trivial gRPC server. See docs/performance.md.

  npm run bench -- [options]

  --quick           leave out a million badges and ten million revocations
  --rounds N        rounds in which every case is measured once (default: 21)
  --slice-ms N      how long each case is measured in a round (default: 400)
  --repeat N        measure and print N times, then say how far the ratios disagree (default: 1)
  --compare FILE    also show ratios to a saved run
  --dir DIR         results and working files, on the disk to measure (default: bench-results)
  --help
`

/**
 * @returns `undefined` when help was asked for
 * @throws {TypeError} for a wrong option
 */
export function parseBenchOptions(args: readonly string[], defaultFolder: string): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '21' },
      'slice-ms': { type: 'string', default: '400' },
      repeat: { type: 'string', default: '1' },
      compare: { type: 'string' },
      dir: { type: 'string', default: defaultFolder },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    rounds: positive('--rounds', values.rounds),
    sliceMs: positive('--slice-ms', values['slice-ms']),
    repeat: positive('--repeat', values.repeat),
    quick: values.quick,
    compare: values.compare,
    folder: values.dir,
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`${name} must be a whole number of at least 1`)
  return value
}
