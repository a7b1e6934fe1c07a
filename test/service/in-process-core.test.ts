import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { createInProcessCore, type InProcessCore, readEvidenceLogs } from '@capiscio/core'
import { EvaluateToolAccessRequestSchema, RecordOutcomeRequestSchema } from '@capiscio/proto/core/v1'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { evaluateToolAccess, GuardError, guard, verifyServer } from '../../sdk-node/src/index.ts'

let folder: string
let core: InProcessCore
let env: Record<string, string>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-in-process-'))
  await writeFile(
    join(folder, 'policy.yaml'),
    'version: 1\ndefault: { minTrustLevel: 0 }\ntools:\n  - match: ["drop_*"]\n    deny: true\n',
  )
  env = { HOME: folder, CAPISCIO_STATE_DIR: join(folder, 'state'), CAPISCIO_EVIDENCE_DIR: join(folder, 'evidence') }
  core = await createInProcessCore({ env, policy: join(folder, 'policy.yaml') })
})

afterEach(async () => {
  await core[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

async function records(): Promise<Record<string, unknown>[]> {
  const found = []
  for await (const { leaf } of readEvidenceLogs({ root: join(folder, 'evidence') })) {
    found.push(JSON.parse(new TextDecoder().decode(leaf)))
  }
  return found
}

describe('a core in the same process', () => {
  it('decides for the SDK like any other, and leaves the same evidence', async () => {
    const read = guard({ tool: 'read_file', client: core }, async ({ path }: { path: string }) => `text of ${path}`)
    const drop = guard({ tool: 'drop_table', client: core }, async () => 'dropped')
    expect(await read({ path: 'a' })).toBe('text of a')
    await expect(drop()).rejects.toMatchObject({ code: 'TOOL_POLICY_DENIED' })
    await expect(drop()).rejects.toBeInstanceOf(GuardError)
    await core[Symbol.asyncDispose]()
    const kept = await records()
    expect(kept.filter((record) => record['event.name'] === 'capiscio.tool_invocation')).toMatchObject([
      { 'capiscio.target': 'read_file', 'capiscio.decision': 'ALLOW' },
      { 'capiscio.target': 'drop_table', 'capiscio.decision': 'DENY' },
      { 'capiscio.target': 'drop_table', 'capiscio.decision': 'DENY' },
    ])
    expect(kept.filter((record) => record['event.name'] === 'capiscio.tool_outcome')).toHaveLength(1)
  })

  it('that cannot start leaves nothing behind: the next one opens the same log', async () => {
    await core[Symbol.asyncDispose]()
    const token = join(folder, 'state', 'admin-token')
    await rm(token)
    await mkdir(token)
    // Everything up to the log was open by then.
    await expect(createInProcessCore({ env, policy: join(folder, 'policy.yaml') })).rejects.toThrow('admin-token')
    await rm(token, { recursive: true })
    core = await createInProcessCore({ env, policy: join(folder, 'policy.yaml') })
    expect(await core.getServerInfo()).toMatchObject({ ready: true })
  })

  it('says what is wrong with its configuration in its log, as every core does', async () => {
    await core[Symbol.asyncDispose]()
    core = await createInProcessCore({ env: { ...env, CAPISCIO_AUDIENC: 'api' }, policy: join(folder, 'policy.yaml') })
    const log = await readFile(join(folder, 'state', 'rpc.log'), 'utf8')
    const lines = log.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
    expect(lines.filter(({ event }) => event === 'warning')).toMatchObject([
      { code: 'CONFIG', source: 'CAPISCIO_AUDIENC', msg: 'Is not a variable that capiscio knows' },
    ])
  })

  it('verifies servers, filters listings and says what it is', async () => {
    expect(await verifyServer({}, { client: core })).toMatchObject({ state: 'UNVERIFIED_ORIGIN' })
    const info = await core.getServerInfo()
    expect(info).toMatchObject({ ready: true, profile: 'connected-prod' })
    expect(info.evidenceLog?.origin).toBe(core.evidence.origin)
  })

  it('gives the errors that a connection gives', async () => {
    await expect(evaluateToolAccess('x'.repeat(2000), {}, { client: core })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      fieldViolations: [{ field: 'tool_name' }],
    })
    const outcome = create(RecordOutcomeRequestSchema, { evidenceId: crypto.randomUUID(), result: 1 })
    await expect(core.recordOutcome(outcome)).rejects.toMatchObject({ name: 'CoreFaultError' })
    const request = create(EvaluateToolAccessRequestSchema, { toolName: 'read' })
    await expect(core.evaluateToolAccess(request, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CALL_ABORTED',
    })
    await expect(core.evaluateToolAccess(request, { timeoutMs: 0 })).rejects.toThrow(TypeError)
  })

  it('says in its log what its caller is not told', async () => {
    // No message of that type: the handler meets what no listener lets through.
    await expect(core.evaluateToolAccess({} as never)).rejects.toMatchObject({ name: 'CoreFaultError' })
    await core[Symbol.asyncDispose]()
    const logged = (await readFile(join(folder, 'state', 'rpc.log'), 'utf8')).trim().split('\n')
    expect(logged.map((line) => JSON.parse(line)).filter(({ event }) => event === 'fault')).toMatchObject([
      { where: 'evaluateToolAccess', err: { type: 'TypeError' } },
    ])
  })

  it('answers what was asked before it was disposed, and nothing after', async () => {
    const asked = Array.from({ length: 50 }, () => evaluateToolAccess('read', {}, { client: core }))
    await Promise.resolve()
    const disposed = core[Symbol.asyncDispose]()
    const answered = await Promise.allSettled(asked)
    await disposed
    const allowed = answered.filter(({ status }) => status === 'fulfilled').length
    expect((await records()).length).toBe(allowed)
    await expect(evaluateToolAccess('read', {}, { client: core })).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
  })

  it('takes no option that it does not know, such as another name for the policy', async () => {
    const options = { env, policyFile: join(folder, 'policy.yaml') }
    await expect(createInProcessCore(options as never)).rejects.toThrow(
      new TypeError(
        'The options of createInProcessCore has an unknown member "policyFile". Known are config, profile, stateDir, evidenceLog, trustStore, policy, logLevel, logFile, env.',
      ),
    )
    await expect(createInProcessCore(null as never)).rejects.toThrow(TypeError)
  })

  it('refuses to start with a log file that cannot be opened', async () => {
    await expect(createInProcessCore({ env, logFile: folder })).rejects.toMatchObject({ code: 'EISDIR', path: folder })
  })

  it('refuses to start on a policy that is none', async () => {
    await writeFile(join(folder, 'broken.yaml'), 'version: 7\n')
    await expect(createInProcessCore({ env, policy: join(folder, 'broken.yaml') })).rejects.toThrow('broken.yaml')
  })
})
