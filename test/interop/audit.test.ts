import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWitness } from '../fakes/witness.ts'
import { type AuditWorld, startAuditWorld } from './audit-world.ts'
import { codeBlocks } from './docs-page.ts'
import { buildGoAuditor } from './go-auditor.ts'
import { obtained } from './prepared.ts'
import { runProgram } from './run-program.ts'
import { serveFolder } from './static-files.ts'

const PAGE = '../auditing.md'
const MODULE = join(import.meta.dirname, 'go-audit')
const NODE_BIN = join(import.meta.dirname, '..', '..', 'node_modules', '.bin')
const [OPENSSL, GO_RUN, RECEIPT, FSCK, ANCHOR, WITNESS, ...UNKNOWN] = codeBlocks(PAGE, 'sh')

let world: AuditWorld
let cwd: string

beforeAll(async () => {
  // More than one full tile, and a partial one.
  world = await startAuditWorld(300)
  cwd = await mkdtemp(join(tmpdir(), 'capiscio-auditor-'))
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await rm(cwd, { recursive: true, force: true })
})

const sh = (script = '', env: Readonly<Record<string, string>> = {}): Promise<string> =>
  runProgram('bash', ['-euo', 'pipefail', '-c', script], { cwd, path: NODE_BIN, env: { VKEY: world.vkey, ...env } })

describe('an auditor with openssl', () => {
  const download = async (): Promise<string> => (await fetch(`${world.url}checkpoint`)).text()

  it('verifies the checkpoint', async () => {
    await writeFile(join(cwd, 'checkpoint'), await download())
    expect(await sh(OPENSSL)).toContain('Signature Verified Successfully')
    expect(readFileSync(join(cwd, 'signed.txt'), 'utf8').split('\n').slice(0, 2)).toEqual([
      world.vkey.split('+')[0],
      '300',
    ])
  })

  it('sees that it was changed', async () => {
    await writeFile(join(cwd, 'checkpoint'), (await download()).replace('\n300\n', '\n299\n'))
    await expect(sh(OPENSSL)).rejects.toThrow('Signature Verification Failure')
  })
})

const checker = await obtained("Go with the Go team's log packages", buildGoAuditor)

describe.skipIf(checker === undefined)("an auditor with the Go team's packages", () => {
  afterAll(() => rm(checker ?? '', { recursive: true, force: true }))
  const audit = (url: string, vkey: string): Promise<string> =>
    runProgram(join(checker ?? '', 'audit'), [url, vkey], { cwd, timeoutMs: 30_000 })

  it('builds the program of the page in the version that the page names', () => {
    const [, version] = /golang\.org\/x\/mod@(v[0-9.]+)/.exec(GO_RUN ?? '') ?? []
    expect(readFileSync(join(MODULE, 'go.mod'), 'utf8')).toContain(`golang.org/x/mod ${version}`)
    expect(GO_RUN).toContain('go run . http://127.0.0.1:50052/evidence/$LOG/ "$VKEY"')
  })

  it('verifies every entry over HTTP, from a running core', async () => {
    expect(await audit(world.url, world.vkey)).toBe(`300 entries of ${world.vkey.split('+')[0]} are what was written\n`)
  })

  it.each([
    ['an entry', 'tile/entries/000', 'entry 0 is not what was written'],
    ['the newest entry', 'tile/entries/001.p/44', 'entry 256 is not what was written'],
    ['a hash', 'tile/0/000', 'inconsistent tile'],
    ['the checkpoint', 'checkpoint', 'invalid signature'],
  ])('sees that %s was changed', async (_what, path, complaint) => {
    const copy = await mkdtemp(join(cwd, 'copy-'))
    cpSync(world.directory, copy, { recursive: true, filter: (source) => !source.endsWith('lock') })
    const bytes = readFileSync(join(copy, path))
    // The first entry's text begins after its length; a checkpoint's first digit is after its name.
    const at = path === 'checkpoint' ? bytes.indexOf('\n') + 1 : 20
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    writeFileSync(join(copy, path), bytes)
    await using server = await serveFolder(copy)
    await expect(audit(server.url, world.vkey)).rejects.toThrow(complaint)
  })

  it('does not take it for the log of another key', async () => {
    const [name = '', , key = ''] = world.vkey.split('+')
    await expect(audit(world.url, `${name}+00000000+${key}`)).rejects.toThrow()
  })
})

describe('an auditor with our command', () => {
  const env = () => ({ CAPISCIO_EVIDENCE_DIR: join(world.core.folder, 'evidence'), HOME: cwd })

  it('gets a receipt and verifies it, as the page says', async () => {
    const shown = await sh(RECEIPT, { ...env(), ID: world.ids[7] ?? '' })
    expect(shown).toContain('proven      these bytes are record ')
  })

  it('may stop reading, and hears no complaint', async () => {
    // Ended by the pipe, as every program is: pipefail would call that a failure.
    const script = 'set +o pipefail; { capiscio evidence export 2> complaints | head -n 1; cat complaints; } | wc -l'
    expect(await sh(script, env())).toBe('1\n')
  })

  it('keeps checkpoints, and compares with them', async () => {
    const script = (ANCHOR ?? '').replaceAll('/mnt/elsewhere', cwd)
    expect(await sh(script, env())).toContain('saved for the first time')
    expect(await sh(script, env())).toContain('extends the 300 that were saved')
    expect(readdirSync(join(cwd, 'anchors'))).toEqual([`${world.log}.checkpoint`])
    expect(await sh(`capiscio evidence verify --anchors ${join(cwd, 'anchors')}`, env())).toContain(
      'extends the saved checkpoint',
    )
  })

  it('demands a witness, as the page says, and hears of a line that is missing', async () => {
    const [id = ''] = world.ids
    const witness = createWitness('witness.example/w1', '20'.repeat(32))
    await writeFile(join(cwd, 'w1.vkey'), `${witness.vkey}\n`)
    await rm(join(cwd, 'proof'), { recursive: true, force: true })
    await sh(RECEIPT, { ...env(), ID: id })
    const cosign = async (file: string, from: number): Promise<void> => {
      const text = readFileSync(file, 'utf8')
      await writeFile(file, text.slice(0, from) + witness.cosign(text.slice(from), 1_700_000_000))
    }
    await sh(`capiscio evidence anchor --save ${join(cwd, 'cosigned')}`, env())
    const script = (WITNESS ?? '').replaceAll('/mnt/elsewhere', cwd)
    await expect(sh(script, { ...env(), ID: id })).rejects.toThrow()
    await cosign(join(cwd, 'cosigned', `${world.log}.checkpoint`), 0)
    const receipt = join(cwd, 'proof', `${id}.tlog-proof`)
    await expect(sh(script, { ...env(), ID: id })).rejects.toThrow('CHECKPOINT_NOT_COSIGNED')
    await cosign(receipt, readFileSync(receipt, 'utf8').indexOf('\n\n') + 2)
    const shown = await sh(script, { ...env(), ID: id })
    expect(shown).toContain('extends the saved checkpoint, cosigned by witness.example/w1')
    expect(shown).toContain('by witness.example/w1, which says at 2023-11-14T22:13:20.000Z')
  })

  it('has run every command of the page', () => {
    expect(UNKNOWN).toEqual([])
  })

  it('finds fsck on the page, over the address of the web listener', () => {
    expect(FSCK).toContain('--storage_url=http://127.0.0.1:50052/evidence/$LOG/ --public_key=log.vkey')
  })
})
