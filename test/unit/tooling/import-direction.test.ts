import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..')

const FORBIDDEN: readonly (readonly [file: string, specifier: string])[] = [
  ['core/src/lib/planted.ts', '../domain/did/did.ts'],
  ['core/src/ports/planted.ts', '../domain/did/did.ts'],
  ['core/src/ports/planted.ts', 'node:fs'],
  ['core/src/domain/guard/planted.ts', '../../adapters/time/system-clock.ts'],
  ['core/src/domain/guard/planted.ts', '../../service/rpc-fault.ts'],
  ['core/src/domain/guard/planted.ts', 'node:fs'],
  ['core/src/domain/guard/planted.ts', '@bufbuild/protobuf'],
  ['core/src/domain/guard/planted.ts', '@capiscio/proto/core/v1'],
  ['core/src/domain/did/planted.ts', '../trust/jwks.ts'],
  ['core/src/domain/trust/planted.ts', '../badge/verify-badge.ts'],
  ['core/src/domain/badge/planted.ts', '../guard/tool-guard.ts'],
  ['core/src/domain/badge/planted.ts', '../evidence/record.ts'],
  ['core/src/domain/keys/planted.ts', '../badge/verify-badge.ts'],
  ['core/src/domain/keys/planted.ts', '../../adapters/keys/file-key-store.ts'],
  ['core/src/domain/keys/planted.ts', 'node:fs'],
  ['core/src/domain/policy/planted.ts', '../badge/verify-badge.ts'],
  ['core/src/domain/evidence/planted.ts', '../policy/policy.ts'],
  ['core/src/domain/revocation/planted.ts', '../badge/verify-badge.ts'],
  ['core/src/domain/revocation/planted.ts', '../did/did.ts'],
  ['core/src/domain/revocation/planted.ts', 'node:fs'],
  ['core/src/domain/badge/planted.ts', '../revocation/revocations.ts'],
  ['core/src/adapters/planted/planted.ts', '../../domain/did/did.ts'],
  ['core/src/service/planted.ts', '../adapters/time/system-clock.ts'],
  ['core/src/service/planted.ts', '@grpc/grpc-js'],
  ['core/src/transport/planted.ts', '../domain/guard/tool-guard.ts'],
  ['core/src/transport/planted.ts', '../mcp/message-guard.ts'],
  ['core/src/service/planted.ts', '../mcp/message-guard.ts'],
  ['core/src/mcp/planted.ts', '../domain/guard/tool-guard.ts'],
  ['core/src/mcp/planted.ts', '../adapters/time/system-clock.ts'],
  ['core/src/mcp/proxy/planted.ts', '../../service/rpc-fault.ts'],
  ['core/src/config/planted.ts', '../transport/grpc-listener.ts'],
  ['core/src/domain/identity/planted.ts', '../guard/tool-guard.ts'],
  ['core/src/domain/badge/planted.ts', '../identity/disclosed-identity.ts'],
  ['core/src/domain/registry/planted.ts', '../guard/api-keys.ts'],
  ['core/src/domain/registry/planted.ts', '../evidence/evidence-log.ts'],
  ['core/src/domain/registry/planted.ts', 'hono'],
  ['core/src/domain/registry/planted.ts', 'node:sqlite'],
  ['core/src/domain/badge/planted.ts', '../registry/issuance.ts'],
  ['proto/sdk/planted.ts', 'node:fs'],
  ['proto/sdk/planted.ts', '@grpc/grpc-js'],
  ['proto/registry/planted.ts', 'node:crypto'],
  ['sdk-browser/src/planted.ts', 'node:fs'],
  ['sdk-browser/src/planted.ts', '@capiscio/mcp'],
  ['sdk-browser/src/planted.ts', '@connectrpc/connect-node'],
  ['sdk-node/src/planted.ts', '@capiscio/mcp-browser'],
  ['sdk-node/src/planted.ts', '@capiscio/core'],
  ['sdk-node/src/planted.ts', '../../core/src/core.ts'],
]

const ALLOWED: readonly (readonly [file: string, specifier: string])[] = [
  ['core/src/mcp/planted.ts', '@capiscio/proto/mcp'],
  ['core/src/mcp/proxy/planted.ts', '../../transport/web-guard.ts'],
  ['core/src/domain/guard/planted.ts', '../badge/badge-verifier.ts'],
  ['core/src/domain/badge/planted.ts', '../trust/jwks.ts'],
  ['core/src/domain/trust/planted.ts', '../did/did-key.ts'],
  ['core/src/domain/keys/planted.ts', '../did/did-key.ts'],
  ['core/src/domain/policy/planted.ts', './policy.ts'],
  ['core/src/domain/revocation/planted.ts', '../../ports/outbound-http.ts'],
  ['core/src/domain/evidence/planted.ts', '../../ports/journal.ts'],
  ['core/src/domain/evidence/planted.ts', '../../lib/sha256.ts'],
  ['core/src/service/planted.ts', '../domain/guard/tool-guard.ts'],
  ['core/src/transport/planted.ts', '../service/rpc-fault.ts'],
  ['core/src/adapters/planted/planted.ts', '../../ports/clock.ts'],
  ['core/src/domain/identity/planted.ts', '../badge/badge-verifier.ts'],
  ['core/src/domain/registry/planted.ts', '../badge/issue-badge.ts'],
  ['proto/sdk/planted.ts', '../core-v1.ts'],
  ['proto/sdk/planted.ts', 'canonicalize'],
  ['sdk-browser/src/planted.ts', '@capiscio/proto/sdk'],
  ['sdk-node/src/planted.ts', '@capiscio/proto/core/v1'],
]

/** Plants every import in a tree of its own, under the project's rules, and lints it once. */
function lintPlanted(cases: readonly (readonly [file: string, specifier: string])[]): string[] {
  const rules = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'))
  writeFileSync(join(scratch, 'biome.json'), JSON.stringify({ ...rules, $schema: undefined, vcs: { enabled: false } }))
  cases.forEach(([file, specifier], index) => {
    const path = join(scratch, dirname(file), `planted-${index}.ts`)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `import { thing } from '${specifier}'\n\nexport const used = thing\n`)
  })
  const { stdout, stderr } = spawnSync(
    join(root, 'node_modules', '.bin', 'biome'),
    ['lint', '--only=style/noRestrictedImports', '--reporter=github', '--max-diagnostics=none', '.'],
    { cwd: scratch, encoding: 'utf8' },
  )
  return (stdout + stderr).split('\n').filter((line) => line.includes('noRestrictedImports'))
}

let scratch: string
let refusals: string[]

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'capiscio-imports-'))
  refusals = lintPlanted([...FORBIDDEN, ...ALLOWED])
})

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('import direction', () => {
  it.each(FORBIDDEN.map((planted, index) => [...planted, index] as const))(
    'refuses %s importing %s',
    (_file, _specifier, index) => {
      expect(refusals.filter((line) => line.includes(`planted-${index}.ts`))).toHaveLength(1)
    },
  )

  it.each(ALLOWED.map((planted, index) => [...planted, FORBIDDEN.length + index] as const))(
    'lets %s import %s',
    (_file, _specifier, index) => {
      expect(refusals.filter((line) => line.includes(`planted-${index}.ts`))).toEqual([])
    },
  )
})
