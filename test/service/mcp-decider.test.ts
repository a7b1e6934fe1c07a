import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { createInProcessCore, type InProcessCore, readEvidenceLogs } from '@capiscio/core'
import { AuthenticateCallerRequestSchema, GetRecordRequestSchema } from '@capiscio/proto/core/v1'
import { type McpMessage, type Members, receiptFrom } from '@capiscio/proto/mcp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNodeEd25519Verifier } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { verifyReceipt } from '../../core/src/domain/evidence/receipt.ts'
import { parseVerifierKey } from '../../core/src/domain/evidence/verifier-key.ts'
import { createMessageGuard } from '../../core/src/mcp/message-guard.ts'
import { createToolDecider } from '../../core/src/mcp/tool-decider.ts'
import { computeParamsHash } from '../../sdk-node/src/index.ts'

let folder: string
let core: InProcessCore

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-decider-'))
  await writeFile(
    join(folder, 'policy.yaml'),
    'version: 1\ndefault: { minTrustLevel: 0 }\ntools:\n  - match: ["drop_*"]\n    deny: true\n',
  )
  const env = { HOME: folder, CAPISCIO_STATE_DIR: join(folder, 's'), CAPISCIO_EVIDENCE_DIR: join(folder, 'evidence') }
  core = await createInProcessCore({ env, policy: join(folder, 'policy.yaml') })
})

afterAll(async () => {
  await core[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** Asks a guard that stands over `decidingCore`, whose clock moves 40 ms at each look. */
function createGuard(decidingCore: Parameters<typeof createToolDecider>[0] = core) {
  let nowMs = 0
  return createMessageGuard({
    decider: createToolDecider(decidingCore, 'https://mcp.example'),
    monotonicMs: () => {
      nowMs += 40
      return nowMs
    },
  })
}

const call = (name: string, id: number): McpMessage => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, _meta: { 'io.capisc/want-proof': true } },
})

async function records(): Promise<Record<string, unknown>[]> {
  const found = []
  for await (const { leaf } of readEvidenceLogs({ root: join(folder, 'evidence') })) {
    found.push(JSON.parse(new TextDecoder().decode(leaf)))
  }
  return found
}

describe('a message guard over a core in the same process', () => {
  it('gives proofs of what was allowed and denied that verify without the core', async () => {
    const guard = createGuard()
    await guard.fromClient(call('read_file', 1))
    const allowed = (await guard.fromServer({ jsonrpc: '2.0', id: 1, result: { content: [] } }))?.result
    const passage = await guard.fromClient(call('drop_table', 2))
    const denied = 'answer' in passage ? passage.answer.result : undefined
    expect(denied).toMatchObject({ isError: true, _meta: { 'io.capisc/denial': { code: 'TOOL_POLICY_DENIED' } } })
    for (const result of [allowed, denied]) {
      const receipt = receiptFrom(result as Members)
      const key = { case: 'evidenceId', value: receipt?.evidenceId ?? '' } as const
      const { entry } = await core.getRecord(create(GetRecordRequestSchema, { key }))
      const keys = [parseVerifierKey(core.evidence.vkey)]
      const verifier = createNodeEd25519Verifier({ maxKeys: 1 })
      const { index } = verifyReceipt(receipt?.proof ?? '', entry?.leaf ?? new Uint8Array(), keys, verifier)
      expect(String(index)).toBe(receipt?.leafIndex)
    }
  })

  it('answers without a proof when there is none to be had', async () => {
    const none = { ...core, getRecord: () => Promise.reject(new Error('gone')) }
    const guard = createGuard(none)
    await guard.fromClient(call('read_file', 1))
    const result = (await guard.fromServer({ jsonrpc: '2.0', id: 1, result: { content: [] } }))?.result as Members
    expect(result.content).toEqual([])
    expect(receiptFrom(result)).toEqual({
      evidenceId: expect.any(String),
      logOrigin: core.evidence.origin,
      leafIndex: expect.any(String),
    })
  })

  it('records how calls ended, with duration and hash', async () => {
    const reports: Promise<unknown>[] = []
    const guard = createGuard({
      ...core,
      recordOutcome(request, limits) {
        const report = core.recordOutcome(request, limits)
        reports.push(report)
        return report
      },
    })
    const ends: Partial<McpMessage>[] = [
      { result: { content: [] } },
      { result: { content: [], isError: true } },
      { error: { code: 1, message: 'no' } },
      { result: { content: [{ text: '\ud800' }] } },
    ]
    let first: string | undefined
    for (const [id, end] of ends.entries()) {
      await guard.fromClient(call('write_file', id))
      const reply = await guard.fromServer({ jsonrpc: '2.0', id, ...end })
      first ??= receiptFrom(reply?.result as Members)?.evidenceId
    }
    await Promise.all(reports)
    const outcomes = (await records()).filter(
      (record) => record['event.name'] === 'capiscio.tool_outcome' && record['capiscio.target'] === 'write_file',
    )
    expect(outcomes).toMatchObject([
      {
        'capiscio.decision_id': first,
        'io.capisc.result': 'ok',
        'io.capisc.duration_ms': 40,
        'io.capisc.result_hash': computeParamsHash({ content: [] }),
      },
      { 'io.capisc.result': 'error', 'io.capisc.result_hash': computeParamsHash({ content: [], isError: true }) },
      { 'io.capisc.result': 'error' },
      { 'io.capisc.result': 'ok' },
    ])
    expect(outcomes.map((outcome) => 'io.capisc.result_hash' in outcome)).toEqual([true, true, false, false])
  })
})

describe('a core in the same process', () => {
  it('tells who calls, and records whom it refuses', async () => {
    const ask = (fields: object) => core.authenticateCaller(create(AuthenticateCallerRequestSchema, fields))
    expect((await ask({ endpoint: '/mcp' })).result).toMatchObject({ case: 'caller', value: { principal: '' } })
    const { result } = await ask({ endpoint: '/refused', credential: { case: 'badgeJws', value: 'x' } })
    expect(result).toMatchObject({ case: 'refusal', value: { code: 'TOOL_BADGE_INVALID' } })
    expect((await records()).filter((record) => record['capiscio.target'] === '/refused')).toHaveLength(1)
    await expect(ask({ endpoint: 'mcp' })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      fieldViolations: [{ field: 'endpoint' }],
    })
  })
})
