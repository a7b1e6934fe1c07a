import { mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
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

/**
 * One JSON line per event, or readable lines on a terminal.
 *
 * @throws what the system says of a file that cannot be opened: found out later, it would end the process
 */
export function createLogger({ level, file, pretty: readable }: LoggerOptions): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (file !== undefined) return pino(options, pino.destination({ dest: openLogFile(file), sync: false }))
  if (readable) {
    const format = { messageFormat: sayWhat, ignore: 'event' }
    return pino(options, pretty({ destination: 2, colorize: true, ...format, sync: true }))
  }
  return pino(options, pino.destination({ dest: 2, sync: false }))
}

function openLogFile(file: string): number {
  mkdirSync(dirname(file), { recursive: true })
  return openSync(file, 'a', 0o600)
}

/** The event's name, which a line of JSON has as a member, then the sentence, where there is one. */
function sayWhat(log: Readonly<Record<string, unknown>>, messageKey: string): string {
  return [log['event'], log[messageKey]].filter((part) => part !== undefined).join(': ')
}
