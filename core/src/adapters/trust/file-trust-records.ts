import { hash } from 'node:crypto'
import { type FileHandle, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import type { TrustRecord, TrustRecordList, TrustRecords } from '../../ports/trust-records.ts'
import { makeDirectoryDurably, syncDirectory } from '../files/durable-write.ts'
import { placeFile } from '../files/place-file.ts'

/** Folders of records; the older layout lies beside them. */
const FOLDERS = ['issuers', 'agents'] as const

const RECORD_NAME = /^(issuers|agents)\/[0-9a-f]{64}$/

/** Says that the files of the older layout were taken over. */
const MARKER = 'taken-over'

/** Largest record, in bytes. */
const MAX_BYTES = 64 * 1024

/** More files than any operator pins keys; reading them all would be the attack. */
const MAX_FILES = 4096

interface FoundFile {
  readonly name: string
  readonly path: string
}

/**
 * Trust records as files of one folder (0700), each a file (0600) of its own, so that two
 * processes never write the same bytes.
 *
 * ```
 * issuers/<64 hex>.json   agents/<64 hex>.json   taken-over
 * issuers.json  *.jwk     what earlier tools wrote, read only
 * ```
 *
 * Whoever may write the folder decides whom the core trusts. So a folder or file that
 * belongs to, or may be written by, anybody but this user and the superuser does not count.
 *
 * @param folder absolute; made by the first change
 */
export function createFileTrustRecords(folder: string): TrustRecords {
  let latest: TrustRecordList | undefined

  function pathOf(name: string): string {
    if (!RECORD_NAME.test(name)) throw new TypeError('A record is named issuers/ or agents/ and 64 hexadecimal digits')
    return join(folder, `${name}.json`)
  }

  async function list(): Promise<TrustRecordList> {
    const files = await find(folder)
    const stamps = await Promise.all(files.map(stampOf))
    const version = hash('sha256', stamps.join('\n'), 'base64url')
    if (latest?.version === version) return latest
    const read = await Promise.all(files.map(readRecord))
    const texts = read.filter((one): one is TrustRecord => 'text' in one)
    latest = {
      version,
      records: texts.filter(({ name }) => RECORD_NAME.test(name)),
      olderFiles: texts.filter(({ name }) => !RECORD_NAME.test(name) && name !== MARKER),
      takenOver: files.some(({ name }) => name === MARKER),
      unreadable: read.filter((one) => 'reason' in one),
    }
    return latest
  }

  return {
    list: () => guarded(folder, list),
    create: (name, text) =>
      guarded(folder, async () => {
        const path = pathOf(name)
        await makeDirectoryDurably(join(path, '..'))
        await checkFolder(folder)
        return placed(path, text)
      }),
    remove: (name) =>
      guarded(folder, async () => {
        const path = pathOf(name)
        try {
          await rm(path)
        } catch (error) {
          if (isMissing(error)) return false
          throw error
        }
        await syncDirectory(join(path, '..'))
        return true
      }),
    markTakenOver: () =>
      guarded(folder, async () => {
        await makeDirectoryDurably(folder)
        await placed(join(folder, MARKER), '')
      }),
  }
}

async function placed(path: string, text: string): Promise<boolean> {
  try {
    await placeFile(path, new TextEncoder().encode(text))
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Every file of either layout, in the order of names. Temporary files have other names. */
async function find(folder: string): Promise<readonly FoundFile[]> {
  if (!(await checkFolder(folder))) return []
  const top = (await readdir(folder)).filter(
    (name) => name === MARKER || name === 'issuers.json' || name.endsWith('.jwk'),
  )
  const found: FoundFile[] = top.map((name) => ({ name, path: join(folder, name) }))
  for (const kind of FOLDERS) {
    if (!(await checkFolder(join(folder, kind)))) continue
    for (const file of await readdir(join(folder, kind))) {
      const name = `${kind}/${file.replace(/\.json$/, '')}`
      if (file.endsWith('.json')) found.push({ name, path: join(folder, kind, file) })
    }
  }
  if (found.length > MAX_FILES)
    throw new SourceUnavailable(`The trust store ${folder} has more than ${MAX_FILES} files`)
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * Whether the folder is there.
 *
 * @throws {SourceUnavailable} when others decide what is in it
 */
async function checkFolder(path: string): Promise<boolean> {
  try {
    const info = await stat(path)
    if (!info.isDirectory()) throw new SourceUnavailable(`${path} is not a folder: remove it, or name another one`)
    const flaw = flawOf(info)
    if (flaw !== undefined)
      throw new SourceUnavailable(`The trust store ${path} ${flaw}: chmod 700 ${path}, and own it`)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

function flawOf({ uid, mode }: { readonly uid: number; readonly mode: number }): string | undefined {
  const user = process.geteuid?.()
  if (user !== undefined && uid !== user && uid !== 0) return `belongs to user ${uid}`
  return (mode & 0o022) === 0 ? undefined : 'may be written by others'
}

async function stampOf({ name, path }: FoundFile): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(path)
    return `${name} ${ino} ${size} ${mtimeMs} ${ctimeMs}`
  } catch (error) {
    return `${name} ${codeOf(error)}`
  }
}

/** A record that cannot be used does not take the others with it. */
async function readRecord({
  name,
  path,
}: FoundFile): Promise<TrustRecord | { readonly name: string; readonly reason: string }> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const info = await file.stat()
    const flaw = flawOf(info)
    if (flaw !== undefined) return { name, reason: `The file ${flaw}: chmod 600 ${path}, and own it` }
    if (!info.isFile() || info.size > MAX_BYTES) return { name, reason: `Not a file of at most ${MAX_BYTES} bytes` }
    return { name, text: new TextDecoder('utf-8', { fatal: true }).decode(await file.readFile()) }
  } catch (error) {
    return { name, reason: error instanceof Error ? error.message : String(error) }
  } finally {
    await file?.close()
  }
}

/** Whatever the system refuses becomes one refusal that names the folder. */
async function guarded<T>(folder: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    if (cause instanceof SourceUnavailable || cause instanceof TypeError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new SourceUnavailable(`The trust store ${folder} cannot be used: ${reason}`, { cause })
  }
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT'
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
