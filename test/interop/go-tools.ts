import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cachedFolder } from './prepared.ts'
import { runProgram } from './run-program.ts'

const MODULE = join(import.meta.dirname, 'go')

/** Where Go's own installer puts it. */
const USUAL = '/usr/local/go/bin/go'

export interface GoTools {
  readonly go: string
  /** Folder with protoc-gen-go, protoc-gen-go-grpc and grpcurl in the versions of go.mod. */
  readonly bin: string
  readonly env: Readonly<Record<string, string>>
}

/** Builds the tools of `go/go.mod`, once. Rejects where Go or the modules cannot be had. */
export async function goTools(): Promise<GoTools> {
  const go = existsSync(USUAL) ? USUAL : 'go'
  // Of what is pinned, nothing else: no other toolchain, no changed go.mod.
  const env = { GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off' }
  const version = await runProgram(go, ['version'])
  const files = ['go.mod', 'go.sum']
  const inputs = [version, ...files.map((name) => readFileSync(join(MODULE, name), 'utf8'))]
  const bin = await cachedFolder('go', inputs, async (folder) => {
    const cwd = join(folder, 'module')
    await mkdir(cwd)
    for (const name of files) await copyFile(join(MODULE, name), join(cwd, name))
    await runProgram(go, ['build', '-ldflags=-s -w', '-o', '../', 'tool'], { cwd, env })
    await rm(cwd, { recursive: true })
  })
  return { go, bin, env }
}
