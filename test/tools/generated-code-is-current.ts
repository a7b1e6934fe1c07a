// Regenerates the TypeScript of the contract into a temporary folder and compares it
// with the committed one, so that the two cannot drift apart.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const committed = join(root, 'proto', 'gen')
const scratch = mkdtempSync(join(tmpdir(), 'capiscio-gen-'))

function filesBelow(directory: string): Map<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name)
      return [relative(directory, path), readFileSync(path, 'utf8')]
    }),
  )
}

try {
  const fresh = join(scratch, 'gen')
  const template = join(scratch, 'buf.gen.yaml')
  writeFileSync(template, readFileSync(join(root, 'buf.gen.yaml'), 'utf8').replace('out: proto/gen', `out: ${fresh}`))
  execFileSync(join(root, 'node_modules', '.bin', 'buf'), ['generate', '--template', template], {
    cwd: root,
    stdio: 'inherit',
  })
  const before = filesBelow(committed)
  const after = filesBelow(fresh)
  const different = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => before.get(path) !== after.get(path),
  )
  if (different.length > 0) {
    console.error(`proto/gen is not what the .proto files generate. Run "npm run generate" and commit:`)
    for (const path of different) console.error(`  proto/gen/${path}`)
    process.exitCode = 1
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
