import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Profile } from '../../core/src/config/config.ts'
import { loadConfig } from '../../core/src/config/load-config.ts'
import { startCore } from '../../core/src/core.ts'
import { createRawClient, type RawClient } from './raw-client.ts'

/** A whole core of a profile in this process, from the source, with everything in a folder of its own. */
export interface CoreInProcess extends AsyncDisposable {
  readonly client: RawClient
}

/** @param yaml its configuration file */
export async function startCoreInProcess(profile: Profile, yaml: string): Promise<CoreInProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'capiscio-core-'))
  const config = join(folder, 'capiscio.yaml')
  await writeFile(config, yaml)
  const socket = join(folder, 'core.sock')
  const flags = { config, profile, socket, http: 'none' }
  const loaded = loadConfig({ command: 'serve', flags, env: { HOME: folder }, cwd: folder })
  const core = await startCore(loaded.config, pino({ level: 'silent' }))
  const client = createRawClient(`unix:${socket}`)
  return {
    client,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]()
      await core.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
