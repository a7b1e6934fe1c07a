import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { codeBlocks } from './docs-page.ts'
import { runProgram } from './run-program.ts'

const MODULE = join(import.meta.dirname, 'go-audit')
const USUAL = '/usr/local/go/bin/go'
// Of what is pinned, nothing else: no other toolchain, no changed go.mod.
const PINNED = { GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off' }

/** Builds the program of docs/auditing.md with the Go team's packages; returns a folder with `audit` in it. */
export async function buildGoAuditor(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'capiscio-go-audit-'))
  for (const name of ['go.mod', 'go.sum']) await copyFile(join(MODULE, name), join(folder, name))
  await writeFile(join(folder, 'main.go'), codeBlocks('../auditing.md', 'go')[0] ?? '')
  await runProgram(existsSync(USUAL) ? USUAL : 'go', ['build', '-o', 'audit', '.'], { cwd: folder, env: PINNED })
  return folder
}
