import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { prepareUnixSocket } from '../../../core/src/transport/unix-socket.ts'

let folder: string
let path: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-socket-'))
  path = join(folder, 'core.sock')
})

afterEach(() => rm(folder, { recursive: true, force: true }))

/** A process that listens on the path, with room for few who wait. */
async function listenElsewhere() {
  const program = `require('node:net').createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => console.log('listens'))`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return {
    child,
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

describe('a socket that is there already', () => {
  it('is removed when its process was killed', async () => {
    const other = await listenElsewhere()
    await other.kill()
    expect(existsSync(path)).toBe(true)
    await prepareUnixSocket(path)
    expect(existsSync(path)).toBe(false)
  })

  it('is left to a process that answers', async () => {
    const other = await listenElsewhere()
    await expect(prepareUnixSocket(path)).rejects.toThrow('Another process is listening')
    expect(existsSync(path)).toBe(true)
    await other.kill()
  })

  it('is left to a process that is too busy to answer', async () => {
    const other = await listenElsewhere()
    other.child.kill('SIGSTOP')
    const waiting: Socket[] = []
    try {
      // Until the system says that no more may wait.
      for (let code = ''; code !== 'EAGAIN'; ) {
        const socket = connect(path)
        waiting.push(socket)
        code = await new Promise((resolve) => {
          socket.once('connect', () => resolve('waits'))
          socket.once('error', (error) => resolve('code' in error ? String(error.code) : 'error'))
        })
      }
      await expect(prepareUnixSocket(path)).rejects.toThrow('Another process is listening')
      expect(existsSync(path)).toBe(true)
    } finally {
      for (const socket of waiting) socket.destroy()
      await other.kill()
    }
  })
})
