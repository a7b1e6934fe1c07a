import { lstat, mkdir, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { AddressRefused } from './address-refused.ts'

/** The longest path that every supported system can bind: 108 bytes with the closing NUL. */
const MAX_PATH_BYTES = 107

/**
 * Makes a path ready to be bound: its folder exists (0700 when made here), and a socket
 * that nobody answers on is removed. Anything else at the path stays and is an error.
 */
export async function prepareUnixSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new AddressRefused(
      `The socket path is longer than ${MAX_PATH_BYTES} bytes: choose a shorter one than ${path}`,
      false,
    )
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket())
    throw new AddressRefused(`${path} exists and is not a socket: remove it or choose another path`, false)
  if (!(await isDead(path)))
    throw new AddressRefused(`Another process is listening on ${path}: stop it or choose another path`, true)
  await unlink(path)
}

/** Only a refusal says that nobody listens. A process that is too busy to answer, or somebody else's, does listen. */
function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(false)
    })
    probe.once('error', (error) => resolve('code' in error && error.code === 'ECONNREFUSED'))
  })
}

/**
 * Calls `bind` under a umask that leaves others nothing, so that the socket is 0600 from
 * its first instant. Node binds before `listen` returns, so the umask is back before
 * anything else can make a file.
 */
export function withPrivateUmask<T>(bind: () => T): T {
  const before = process.umask(0o177)
  try {
    return bind()
  } finally {
    process.umask(before)
  }
}
