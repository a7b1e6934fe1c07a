import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { basename, join, sep } from 'node:path'
import type { Clock } from '../../ports/clock.ts'
import type { Journal, JournalRepair, JournalSegment } from '../../ports/journal.ts'
import type { PublicLogFiles } from '../../ports/log-files.ts'
import type { Random } from '../../ports/random.ts'
import { makeDirectoryDurably, writeFileDurably } from '../files/durable-write.ts'
import { acquireDirectoryLock, type DirectoryLock } from './directory-lock.ts'
import { errorCode } from './error-code.ts'
import { openFileJournal } from './file-journal.ts'
import type { JournalFiles } from './journal-files.ts'
import { createJournalRepair } from './journal-repair.ts'
import { JOURNAL_FOLDER, listJournalSegments } from './journal-segments.ts'
import { LogDirectoryRefused, refusedBySystem } from './log-directory-refused.ts'
import { type LogIdentity, originOf, readLogIdentity, writeLogIdentity, writeLogKeys } from './log-identity.ts'
import { createLogState, type LogState, type StoredLogKey } from './log-state.ts'
import { canonicalPath, checkPrivateDirectory, syncWithAncestors } from './private-directory.ts'
import type { PublicFileCalls } from './public-file-calls.ts'
import { createPublicFiles, TILE_FOLDER } from './public-files.ts'

/** A root that holds one log for each writer, or one folder for exactly this log. */
export type EvidenceLocation =
  | { readonly root: string; readonly directory?: never }
  | { readonly directory: string; readonly root?: never }

export interface OpenLogDirectoryOptions {
  readonly location: EvidenceLocation
  /** Where signing keys are kept; not inside the evidence. */
  readonly stateDir: string
  /** Allows a folder that held a log before, and is empty now, to start a new one. */
  readonly startEmpty: boolean
  readonly random: Random
  readonly clock: Clock
  /** The verifier key string of an origin and the seed of its signing key. */
  readonly vkeyOf: (origin: string, seed: Uint8Array) => string
  readonly files: JournalFiles
  readonly publicFiles: PublicFileCalls
}

/** A log folder that this process alone may write. */
export interface LogDirectory extends LogIdentity {
  /** Canonical absolute path. */
  readonly directory: string
  /** The log's signing key, and during a rotation the one beside it. */
  readonly key: StoredLogKey
  /** Replaces the stored key. Durable on return. */
  writeKey(key: StoredLogKey): Promise<void>
  /** Keeps the last checkpoint that a key signed, in the log folder. Durable on return. */
  keepCheckpoint(keyId: string, checkpoint: Uint8Array): Promise<void>
  /** Names other keys in `log.json`. Durable on return. */
  writeLogKeys(keys: Pick<LogIdentity, 'vkey' | 'earlierKeys'>): Promise<void>
  /** The journal as it was when the lock was taken. */
  readonly segments: readonly JournalSegment[]
  /** The journal as it is now. */
  listSegments(): Promise<readonly JournalSegment[]>
  /** Removes a segment. A crash may undo it. */
  removeSegment(segment: JournalSegment): Promise<void>
  /** Checkpoint, tiles and bundles. Unverified. */
  readonly publicFiles: PublicLogFiles
  /** The checkpoint that the state folder remembers. Unverified. */
  readonly rememberedHead: Uint8Array | undefined
  /** Remembers a checkpoint in the state folder. Durable on return. */
  rememberHead(checkpoint: Uint8Array): Promise<void>
  readonly repair: JournalRepair
  /**
   * The journal, to go on after `newestSegmentBytes` of the newest segment. Its `close`
   * gives the lock back.
   */
  openJournal(newestSegmentBytes: number | undefined): Promise<Journal>
  /** Gives the lock back. Idempotent. */
  release(): void
}

const LOGS_FOLDER = 'logs'
const LOCK_FILE = 'lock'
const EARLIER_KEYS_FOLDER = 'earlier-keys'

/** Folders inside a log folder that entries go to. */
const WRITTEN_FOLDERS = [JOURNAL_FOLDER, TILE_FOLDER]

/**
 * Takes the lock of a log folder and reads what recovery needs; makes a new log where that
 * is right. Everything that can be refused is refused before anything is changed.
 *
 * @throws {LogDirectoryRefused}
 */
export async function openLogDirectory(options: OpenLogDirectoryOptions): Promise<LogDirectory> {
  try {
    return await open(options)
  } catch (error) {
    throw refusedBySystem(error, options.location.root ?? options.location.directory)
  }
}

async function open(options: OpenLogDirectoryOptions): Promise<LogDirectory> {
  const { location } = options
  const top = await canonicalPath(location.root ?? location.directory)
  const stateDir = await canonicalPath(options.stateDir)
  if (`${stateDir}${sep}`.startsWith(`${top}${sep}`)) {
    const message = `The state folder ${stateDir} holds signing keys and must not lie inside the evidence ${top}. Move one of them.`
    throw new LogDirectoryRefused('STATE_INSIDE_EVIDENCE', stateDir, message)
  }
  const state = createLogState(stateDir)
  await state.check()
  await checkPrivateDirectory(top)

  const { directory, lock } =
    location.root !== undefined ? await takeUnderRoot(top, options) : await takeExclusively(top, state, options)
  try {
    return await openLocked(directory, lock, state, options)
  } catch (error) {
    lock.release()
    throw error
  }
}

interface Taken {
  readonly directory: string
  readonly lock: DirectoryLock
}

/** The first log under the root that nobody writes, or a new folder. */
async function takeUnderRoot(root: string, { random }: OpenLogDirectoryOptions): Promise<Taken> {
  const logs = join(root, LOGS_FOLDER)
  await checkPrivateDirectory(logs)
  const existing = await filesIn(logs)
  for (const id of existing.filter(isLogId).sort()) {
    const directory = join(logs, id)
    await checkPrivateDirectory(directory)
    const lock = acquireDirectoryLock(join(directory, LOCK_FILE))
    if (lock !== undefined) return { directory, lock }
  }
  await makeDirectoryDurably(logs)
  for (;;) {
    const directory = join(logs, Buffer.from(random.bytes(8)).toString('hex'))
    // Fails when the name is taken, which random names never are.
    await mkdir(directory, { mode: 0o700 })
    // Another process may have found the new folder before it was locked: then it is theirs.
    const lock = acquireDirectoryLock(join(directory, LOCK_FILE))
    if (lock !== undefined) return { directory, lock }
  }
}

async function takeExclusively(directory: string, state: LogState, options: OpenLogDirectoryOptions): Promise<Taken> {
  const lockFile = join(directory, LOCK_FILE)
  if (!(await exists(lockFile))) {
    try {
      // Nobody writes here. Look first, so that a refusal changes nothing, not even by making the lock file.
      await inspect(directory, state, options)
    } catch (error) {
      // Unless somebody began a moment ago: then what was seen is half made, and the lock tells.
      if (!(await exists(lockFile))) throw error
    }
    await makeDirectoryDurably(directory)
  }
  const lock = acquireDirectoryLock(lockFile)
  if (lock === undefined) {
    const message = `Another process writes the evidence log ${directory}. Stop it, or name another folder.`
    throw new LogDirectoryRefused('LOG_LOCKED', directory, message)
  }
  return { directory, lock }
}

async function openLocked(
  directory: string,
  lock: DirectoryLock,
  state: LogState,
  options: OpenLogDirectoryOptions,
): Promise<LogDirectory> {
  for (const folder of WRITTEN_FOLDERS) await checkPrivateDirectory(join(directory, folder))
  const found = await inspect(directory, state, options)
  const { key, ...identity } = found ?? (await createLog(directory, state, options))
  if ((await state.directoryOf(identity.id)) !== directory) {
    for (const id of await state.logsIn(directory)) await state.forgetDirectory(id)
    await state.rememberDirectory(identity.id, directory)
  }
  const segments = await listJournalSegments(directory)
  return {
    ...identity,
    directory,
    key,
    writeKey: (next) => state.writeKey(identity.id, identity.origin, next),
    async keepCheckpoint(keyId, checkpoint) {
      const folder = join(directory, EARLIER_KEYS_FOLDER)
      await makeDirectoryDurably(folder)
      await writeFileDurably(join(folder, `${keyId}.checkpoint`), checkpoint)
    },
    writeLogKeys: (keys) => writeLogKeys(directory, keys),
    segments,
    listSegments: () => listJournalSegments(directory),
    removeSegment: ({ name }) => rm(join(directory, name), { force: true }),
    publicFiles: createPublicFiles(directory, options.publicFiles),
    rememberedHead: await state.readHead(identity.id),
    rememberHead: (checkpoint) => state.writeHead(identity.id, checkpoint),
    repair: createJournalRepair(directory),
    async openJournal(newestSegmentBytes) {
      await makeDirectoryDurably(join(directory, JOURNAL_FOLDER))
      await syncWithAncestors(join(directory, JOURNAL_FOLDER))
      const name = segments.at(-1)?.name
      const newest =
        name === undefined || newestSegmentBytes === undefined ? undefined : { name, bytes: newestSegmentBytes }
      return openFileJournal({ directory, newest, files: options.files, releaseLock: () => lock.release() })
    },
    release: () => lock.release(),
  }
}

interface LogWithKey extends LogIdentity {
  readonly key: StoredLogKey
}

/**
 * Reads which log a folder holds, with its key; `undefined` when a new one may start there.
 * Changes nothing.
 */
async function inspect(
  directory: string,
  state: LogState,
  { location, startEmpty }: OpenLogDirectoryOptions,
): Promise<LogWithKey | undefined> {
  const remembered = await state.logsIn(directory)
  const identity = await readLogIdentity(directory)
  if (identity === undefined) {
    await refuseForeignContent(directory)
    // A folder that held a log is not a fresh one (evidence-log §9.4-8). Under a root its name
    // is the log's: going on there would sign a second history under the same origin.
    if (remembered.length > 0 && !(startEmpty && location.root === undefined)) {
      const message = `${directory} held the evidence log ${remembered.map(originOf).join(', ')} and is empty now. Mount or restore it; to give it up, ${location.root === undefined ? 'allow a new log with the start-empty option' : 'remove the folder'}.`
      throw new LogDirectoryRefused('LOG_EMPTIED', directory, message)
    }
    return undefined
  }
  const { id, origin } = identity
  if (location.root !== undefined && basename(directory) !== id) {
    const message = `${directory} holds the log ${origin}. A log must not be copied or renamed: name its folder ${id} again, or move it out of the root.`
    throw new LogDirectoryRefused('LOG_COPIED', directory, message)
  }
  await refuseOtherHomes(directory, identity, remembered, state)
  const key = await state.readKey(id, origin)
  if (key === undefined) {
    const path = state.keyFile(id)
    const message = `The signing key of ${directory} is missing: ${path}. Put it back from a copy, or use another evidence folder.`
    throw new LogDirectoryRefused('LOG_KEY_MISSING', path, message)
  }
  return { ...identity, key }
}

/** One folder, one log: two folders that go on from the same entries would sign a forked log. */
async function refuseOtherHomes(
  directory: string,
  { id, origin }: LogIdentity,
  remembered: readonly string[],
  state: LogState,
): Promise<void> {
  if (remembered.length > 0 && !remembered.includes(id)) {
    const message = `${directory} held the evidence log ${remembered.map(originOf).join(', ')} and holds ${origin} now. Put the right folder there.`
    throw new LogDirectoryRefused('LOG_REPLACED', directory, message)
  }
  const home = await state.directoryOf(id)
  if (home === undefined || home === directory) return
  // A folder that was moved is gone from its old place.
  const atHome = await readLogIdentity(home)
  if (atHome?.id === id) {
    const message = `${directory} and ${home} both hold the log ${origin}. Keep one writable: go on with ${home}, or move it away first.`
    throw new LogDirectoryRefused('LOG_COPIED', directory, message)
  }
}

/** A new log may start only where nothing is but what an interrupted start leaves behind. */
async function refuseForeignContent(directory: string): Promise<void> {
  if ((await listJournalSegments(directory)).length > 0) {
    const message = `${directory} has a journal but no log.json, which says whose it is. Put log.json back from a copy.`
    throw new LogDirectoryRefused('LOG_DESCRIPTOR_MALFORMED', directory, message)
  }
  const foreign = (await filesIn(directory)).filter(
    (name) => ![LOCK_FILE, JOURNAL_FOLDER, 'lost+found'].includes(name) && !/^log\.json\.[0-9a-f]{16}\.tmp$/.test(name),
  )
  if (foreign.length > 0) {
    const message = `${directory} holds ${foreign[0]} and is no evidence log. Name an empty folder.`
    throw new LogDirectoryRefused('LOG_NOT_A_LOG', directory, message)
  }
}

/**
 * Makes the folder a log. The key is durable before `log.json`, because a log without its
 * key is refused; a crash between the two leaves a key that nobody uses, or that the same
 * folder takes up at the next start.
 */
async function createLog(
  directory: string,
  state: LogState,
  { location, random, clock, vkeyOf }: OpenLogDirectoryOptions,
): Promise<LogWithKey> {
  const id = location.root !== undefined ? basename(directory) : Buffer.from(random.bytes(8)).toString('hex')
  const origin = originOf(id)
  let key = await state.readKey(id, origin)
  if (key === undefined) {
    key = { seed: random.bytes(32) }
    await state.writeKey(id, origin, key)
  }
  const identity = { id, origin, vkey: vkeyOf(origin, key.seed), earlierKeys: [] }
  await writeLogIdentity(directory, identity, new Date(clock.nowMs()))
  return { ...identity, key }
}

function isLogId(name: string): boolean {
  return /^[0-9a-f]{16}$/.test(name)
}

async function filesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}
