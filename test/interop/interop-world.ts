import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CoreProcess, startDevCore } from '../tools/core-process.ts'

const ROOT = join(import.meta.dirname, '..', '..')

export const CASES_FILE = join(import.meta.dirname, 'cases.json')

/** A core, and a folder that looks to a client like a checkout in which `npm start` runs. */
export interface InteropWorld extends AsyncDisposable {
  readonly core: CoreProcess
  /** Holds `.capiscio-dev`, `proto` and `node_modules`. */
  readonly cwd: string
  /** Subject of the self-signed badge. */
  readonly agentDidKey: string
}

export async function startInteropWorld(): Promise<InteropWorld> {
  const cwd = await mkdtemp(join(tmpdir(), 'capiscio-interop-'))
  await symlink(join(ROOT, 'proto'), join(cwd, 'proto'))
  await symlink(join(ROOT, 'node_modules'), join(cwd, 'node_modules'))
  const folder = join(cwd, '.capiscio-dev')
  const core = await startDevCore(folder)

  const badge = (name: string): string => join(folder, 'badges', `${name}.jwt`)
  const genuine = await readFile(badge('level-2'), 'utf8')
  const [header = '', claims = '', signature = ''] = genuine.split('.')
  const forged = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
  await writeFile(badge('forged'), `${header}.${claims}.${forged}`)
  await writeFile(
    join(folder, 'unknown-api-key'),
    `${await readFile(join(folder, 'api-key'), 'utf8')}`.trim().concat('x'),
  )

  const [, selfSigned = ''] = (await readFile(badge('level-0'), 'utf8')).split('.')
  const { sub } = JSON.parse(Buffer.from(selfSigned, 'base64url').toString()) as { sub: string }
  return {
    core,
    cwd,
    agentDidKey: sub,
    async [Symbol.asyncDispose]() {
      await core.stop()
      await rm(cwd, { recursive: true, force: true })
    },
  }
}
