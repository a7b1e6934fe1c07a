import { readFile } from 'node:fs/promises'
import { writeFileDurably } from '../files/durable-write.ts'
import { errorCode } from './error-code.ts'
import { type LogDirectoryRefusalCode, LogDirectoryRefused } from './log-directory-refused.ts'

/** Version of the small files beside a log. A larger one is refused. */
const FORMAT_VERSION = 1

/**
 * Reads a small JSON file of our own, or `undefined` when there is none. Other members than
 * the fields may be there and may be anything.
 *
 * @param fields that must be there as non-empty strings
 * @throws {LogDirectoryRefused} LOG_FORMAT_NEWER, or the given code for anything else
 */
export async function readJsonFile<Field extends string>(
  path: string,
  fields: readonly Field[],
  malformed: LogDirectoryRefusalCode,
): Promise<(Readonly<Record<Field, string>> & Readonly<Record<string, unknown>>) | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  const value = parseObject(text)
  if (typeof value?.['version'] === 'number' && value['version'] > FORMAT_VERSION) {
    throw new LogDirectoryRefused(
      'LOG_FORMAT_NEWER',
      path,
      `${path} has format ${value['version']}; this version knows ${FORMAT_VERSION}. Start the newer version.`,
    )
  }
  const ok =
    value?.['version'] === FORMAT_VERSION &&
    fields.every((field) => typeof value[field] === 'string' && value[field] !== '')
  if (!ok) throw new LogDirectoryRefused(malformed, path, `${path} is damaged. Put it back from a copy.`)
  return value as Record<Field, string> & Record<string, unknown>
}

/** Writes a small JSON file (0600) so that it survives a power cut, whole or not at all. */
export async function writeJsonFile(path: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
  const text = `${JSON.stringify({ version: FORMAT_VERSION, ...fields }, undefined, 2)}\n`
  await writeFileDurably(path, new TextEncoder().encode(text))
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}
