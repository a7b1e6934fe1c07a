import { randomBytes } from 'node:crypto'
import { link, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode } from '../evidence/error-code.ts'
import { createFileDurably, makeDirectoryDurably, syncDirectory } from '../files/durable-write.ts'

/** 256 random bits as base64url. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/

/** The admin token cannot be used. The message says why and what to do, and holds no part of it. */
export class AdminTokenRefused extends Error {
  override readonly name = 'AdminTokenRefused'
}

/**
 * Reads the admin token of a state folder, and makes one, 0600, where there is none. Cores
 * that share a folder share the token, also when they start together.
 *
 * @throws {AdminTokenRefused} when others can read it, or it is none
 */
export async function openAdminToken(path: string): Promise<string> {
  return (await readAdminToken(path)) ?? (await makeAdminToken(path))
}

/**
 * Reads the admin token; `undefined` where there is none.
 *
 * @throws {AdminTokenRefused}
 */
export async function readAdminToken(path: string): Promise<string | undefined> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw new AdminTokenRefused(`The admin token ${path} cannot be read by this user.`, { cause: error })
  })
  if (handle === undefined) return undefined
  try {
    if (((await handle.stat()).mode & 0o077) !== 0) {
      throw new AdminTokenRefused(`Others may read or write the admin token. Remove it for a new one: rm ${path}`)
    }
    const token = (await handle.readFile('utf8')).trim()
    if (!TOKEN.test(token)) throw new AdminTokenRefused(`${path} holds no admin token. Remove it for a new one.`)
    return token
  } finally {
    await handle.close()
  }
}

async function makeAdminToken(path: string): Promise<string> {
  await makeDirectoryDurably(dirname(path))
  const token = randomBytes(32).toString('base64url')
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`
  try {
    await createFileDurably(temporary, new TextEncoder().encode(`${token}\n`))
    // Unlike a rename it never replaces the token that another core made meanwhile.
    await link(temporary, path)
    await syncDirectory(dirname(path))
    return token
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  } finally {
    await rm(temporary, { force: true })
  }
  const made = await readAdminToken(path)
  if (made === undefined) throw new AdminTokenRefused(`${path} was taken away while it was made. Start again.`)
  return made
}
