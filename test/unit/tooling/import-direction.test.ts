import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..')

/** Which rooms of the domain each of them may use. */
const MAY_USE = {
  did: [],
  keys: ['did'],
  trust: ['did'],
  badge: ['trust', 'did'],
  identity: ['badge', 'trust', 'did'],
  policy: [],
  revocation: [],
  evidence: [],
  guard: ['badge', 'trust', 'did', 'policy', 'revocation', 'evidence'],
  registry: ['badge', 'trust', 'did'],
} as const satisfies Record<string, readonly string[]>

const ROOMS = Object.keys(MAY_USE) as (keyof typeof MAY_USE)[]

const OUTSIDE_DOMAIN = [
  '../../adapters/time/system-clock.ts',
  '../../service/rpc-fault.ts',
  '../../transport/call-gate.ts',
  '../../config/config.ts',
  '../../cli/program.ts',
  '../../mcp/message-guard.ts',
  '../../setup/readiness.ts',
  '../../core.ts',
  '../../registry.ts',
  'node:fs',
  'node:sqlite',
  '@bufbuild/protobuf',
  '@capiscio/proto/core/v1',
  '@connectrpc/connect',
  '@grpc/grpc-js',
  'hono',
  'pino',
  'prom-client',
]

const FORBIDDEN: readonly (readonly [file: string, specifier: string])[] = [
  ...ROOMS.flatMap((room) =>
    OUTSIDE_DOMAIN.map((specifier) => [`core/src/domain/${room}/planted.ts`, specifier] as const),
  ),
  ...ROOMS.flatMap((room) =>
    ROOMS.filter((other) => other !== room && !(MAY_USE[room] as readonly string[]).includes(other)).map(
      (other) => [`core/src/domain/${room}/planted.ts`, `../${other}/planted.ts`] as const,
    ),
  ),
  ['core/src/domain/a-new-room/planted.ts', '../did/did.ts'],
  ['core/src/domain/a-new-room/planted.ts', 'node:fs'],
  ['core/src/lib/planted.ts', '../domain/did/did.ts'],
  ['core/src/lib/planted.ts', '../ports/clock.ts'],
  ['core/src/lib/planted.ts', 'node:fs/promises'],
  ['core/src/lib/planted.ts', 'pino'],
  ['core/src/ports/planted.ts', '../domain/did/did.ts'],
  ['core/src/ports/planted.ts', 'node:fs'],
  ['core/src/adapters/planted/planted.ts', '../../domain/did/did.ts'],
  ['core/src/service/planted.ts', '../adapters/time/system-clock.ts'],
  ['core/src/adapters/planted/planted.ts', '../../setup/readiness.ts'],
  ['core/src/adapters/planted/planted.ts', '../../core.ts'],
  ['core/src/service/planted.ts', '@grpc/grpc-js'],
  ['core/src/service/planted.ts', '../setup/readiness.ts'],
  ['core/src/service/v1/planted.ts', '../../mcp/message-guard.ts'],
  ['core/src/service/v1/planted.ts', '../../core.ts'],
  ['core/src/transport/planted.ts', '../setup/readiness.ts'],
  ['core/src/mcp/planted.ts', '../setup/readiness.ts'],
  ['core/src/mcp/planted.ts', '../core.ts'],
  ['core/src/config/planted.ts', '../setup/readiness.ts'],
  ['core/src/setup/planted.ts', '../core.ts'],
  ['core/src/setup/planted.ts', '../mcp/message-guard.ts'],
  ['core/src/setup/trust/planted.ts', '../../cli/program.ts'],
  ['core/src/setup/registry/planted.ts', '../../registry.ts'],
  ['core/src/transport/planted.ts', '../domain/guard/tool-guard.ts'],
  ['core/src/transport/planted.ts', '../mcp/message-guard.ts'],
  ['core/src/service/planted.ts', '../mcp/message-guard.ts'],
  ['core/src/mcp/planted.ts', '../domain/guard/tool-guard.ts'],
  ['core/src/mcp/planted.ts', '../adapters/time/system-clock.ts'],
  ['core/src/mcp/proxy/planted.ts', '../../service/rpc-fault.ts'],
  ['core/src/config/planted.ts', '../transport/grpc-listener.ts'],
  ['proto/sdk/planted.ts', 'node:fs'],
  ['proto/sdk/planted.ts', '@grpc/grpc-js'],
  ['proto/registry/planted.ts', 'node:crypto'],
  ['sdk-browser/src/planted.ts', 'node:fs'],
  ['sdk-browser/src/planted.ts', '@capiscio/mcp'],
  ['sdk-browser/src/planted.ts', '@connectrpc/connect-node'],
  ['sdk-browser/src/planted.ts', '@capiscio/core/verification'],
  ['sdk-browser/src/planted.ts', '@noble/ed25519'],
  ['sdk-browser/src/verify/planted.ts', '@capiscio/core'],
  ['sdk-browser/src/verify/planted.ts', 'node:fs'],
  ['sdk-browser/src/verify/planted.ts', '../../../core/src/verification.ts'],
  ['sdk-node/src/planted.ts', '@capiscio/core/verification'],
  ['sdk-node/src/planted.ts', '@capiscio/mcp-browser'],
  ['sdk-node/src/planted.ts', '@capiscio/core'],
  ['sdk-node/src/planted.ts', '../../core/src/core.ts'],
]

const ALLOWED: readonly (readonly [file: string, specifier: string])[] = [
  ...ROOMS.flatMap((room) =>
    [
      ...MAY_USE[room].map((other) => `../${other}/planted.ts`),
      './planted.ts',
      '../../ports/clock.ts',
      '../../lib/sha256.ts',
    ].map((specifier) => [`core/src/domain/${room}/planted.ts`, specifier] as const),
  ),
  ['core/src/setup/trust/planted.ts', '../../adapters/time/system-clock.ts'],
  ['core/src/setup/trust/planted.ts', '../../start-refused.ts'],
  ['core/src/lib/planted.ts', './sha256.ts'],
  ['core/src/lib/planted.ts', 'node:crypto'],
  ['core/src/mcp/planted.ts', '@capiscio/proto/mcp'],
  ['core/src/mcp/proxy/planted.ts', '../../transport/web-guard.ts'],
  ['core/src/service/planted.ts', '../domain/guard/tool-guard.ts'],
  ['core/src/transport/planted.ts', '../service/rpc-fault.ts'],
  ['core/src/adapters/planted/planted.ts', '../../ports/clock.ts'],
  ['proto/sdk/planted.ts', '../core-v1.ts'],
  ['proto/sdk/planted.ts', 'canonicalize'],
  ['sdk-browser/src/planted.ts', '@capiscio/proto/sdk'],
  ['sdk-browser/src/verify/planted.ts', '@capiscio/core/verification'],
  ['sdk-browser/src/verify/planted.ts', '../abort-signal.ts'],
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
  it('knows every room of the domain', () => {
    expect(readdirSync(join(root, 'core/src/domain')).sort()).toEqual(ROOMS.toSorted())
  })

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
