import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'

export interface LoggerOptions {
  /** pino level name. */
  readonly level: string
  /** File to append to, created 0600. Absent means standard error. */
  readonly file?: string
  /** Human-readable lines instead of JSON. */
  readonly pretty: boolean
}

/** One JSON line per event, or readable lines on a terminal. */
export function createLogger({ level, file, pretty: readable }: LoggerOptions): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (file !== undefined) return pino(options, pino.destination({ dest: file, mode: 0o600, mkdir: true, sync: false }))
  if (readable) return pino(options, pretty({ destination: 2, colorize: true, ignore: 'event', sync: true }))
  return pino(options, pino.destination({ dest: 2, sync: false }))
}
