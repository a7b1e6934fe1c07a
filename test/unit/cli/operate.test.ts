import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addReloadCommand, addRevokeCommand } from '../../../core/src/cli/operate.ts'
import { addStatusCommand } from '../../../core/src/cli/status.ts'
import { runCommand } from '../../tools/run-command.ts'

const JTI = '550e8400-e29b-41d4-a716-446655440000'

/** Nobody listens on this one. */
const NOBODY = ['--address', '127.0.0.1:1']

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-operate-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

const revoke = (name: string, ...more: string[]) =>
  runCommand(addRevokeCommand, ['revoke', name, ...NOBODY, ...more], { env: { HOME: folder } })

test.each([
  'billing',
  'did',
  'did:',
  'did:web:registry',
  'did:web:registry.example.com:agents:',
  'did:key:z6Mk',
  JTI.slice(1),
  `${JTI} `,
  JTI.replace('-4', '-1'),
])('revoke %j is wrong usage, because no badge is named like this', async (name) => {
  const { code, stderr } = await revoke(name)
  expect([code, stderr]).toEqual([2, expect.stringContaining('Write the jti of a badge, which is a UUID, or the DID')])
})

test.each([
  JTI,
  JTI.toUpperCase(),
  'did:web:registry.example.com:agents:billing',
  'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  'did:other:name',
])('revoke %j is put to the core', async (name) => {
  const { code, stderr } = await revoke(name)
  expect([code, stderr]).toEqual([1, expect.stringContaining('No core answers at 127.0.0.1:1')])
})

test.each(['abc', '', '0', '-1', '1.5', '3601'])('a timeout of %j is wrong usage', async (seconds) => {
  const timeout = ['--timeout', seconds]
  for (const [add, name] of [
    [addStatusCommand, 'status'],
    [addReloadCommand, 'reload'],
  ] as const) {
    const { code, stderr } = await runCommand(add, [name, ...NOBODY, ...timeout])
    expect([name, code, stderr]).toEqual([name, 2, expect.stringContaining('a number of seconds from 1 to 3600')])
  }
})

test.each(['1', '3600'])('a timeout of %s is taken', async (seconds) => {
  const { code, stderr } = await runCommand(addStatusCommand, ['status', ...NOBODY, '--timeout', seconds])
  expect([code, stderr]).toEqual([1, expect.stringContaining('No core answers')])
})

test.each(['nonsense', 'http://127.0.0.1:50051', '127.0.0.1', '::1:50051', 'a b:1'])(
  'an address of %j is told from a core that does not answer',
  async (address) => {
    const { code, stderr } = await runCommand(addStatusCommand, ['status', '--address', address])
    expect(code).toBe(1)
    expect(stderr).toBe(`"${address}" is no address of a core: write HOST:PORT, unix:/PATH or https://HOST:PORT.\n`)
  },
)

test('an IPv6 address of a core stands in brackets', async () => {
  const { stderr } = await runCommand(addStatusCommand, ['status', '--address', '[::1]:1'])
  expect(stderr).toContain('No core answers at [::1]:1')
})
