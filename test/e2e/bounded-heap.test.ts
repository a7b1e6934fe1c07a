import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startDevCore } from '../tools/core-process.ts'

it.skipIf(process.platform !== 'linux')(
  'the process that was started is the one that serves, with a young generation of a fixed size',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'capiscio-heap-'))
    try {
      const core = await startDevCore(folder)
      const command = (await readFile(`/proc/${core.child.pid}/cmdline`, 'utf8')).split('\0')
      expect(command).toContain('--max-semi-space-size=16')
      expect(core.stderr()).not.toMatch(/Warning|unrecognized/)
      expect(await core.stop()).toBe(0)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)
