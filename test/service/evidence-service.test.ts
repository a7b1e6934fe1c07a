import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt'
import {
  CallResult,
  CoreService,
  type Decision,
  type EvaluateToolAccessRequestSchema,
  EvidenceService,
  Outcome,
  type QueryRequestSchema,
  RecordKind,
  type RecordOutcomeRequestSchema,
} from '@capiscio/proto/core/v1'
import { MCPService } from '@capiscio/proto/v1'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNodeEd25519Verifier } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { openCheckpoint } from '../../core/src/domain/evidence/checkpoint.ts'
import { verifyReceipt } from '../../core/src/domain/evidence/receipt.ts'
import { parseVerifierKey } from '../../core/src/domain/evidence/verifier-key.ts'
import { createCoreClient } from '../../sdk-node/src/core-client.ts'
import { guard } from '../../sdk-node/src/guard.ts'
import { computeParamsHash } from '../../sdk-node/src/params-hash.ts'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'
import { createRawClient, type RawClient } from '../tools/raw-client.ts'
import { openWatch } from '../tools/watch-client.ts'

const { method } = EvidenceService
const UNKNOWN = '00000000-0000-4000-8000-000000000000'
const verifier = createNodeEd25519Verifier({ maxKeys: 4 })

let folder: string
let core: CoreProcess
let client: RawClient

const start = async (): Promise<void> => {
  core = await startDevCore(folder)
  client = createRawClient(core.address)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-evidence-service-'))
  await start()
})

afterAll(async () => {
  client[Symbol.dispose]()
  expect(await core.stop()).toBe(0)
  await rm(folder, { recursive: true, force: true })
})

async function ask(
  request: MessageInitShape<typeof EvaluateToolAccessRequestSchema>,
): Promise<Decision & { readonly leafIndex: bigint }> {
  const { decision } = await client.call(CoreService.method.evaluateToolAccess, request)
  if (decision?.leafIndex === undefined) throw new Error('no decision, or no record of it')
  return { ...decision, leafIndex: decision.leafIndex }
}

const denied = (toolName: string) => ask({ toolName, config: { requireBadge: true } })

const recordOf = (leaf: Uint8Array): Record<string, unknown> => JSON.parse(new TextDecoder().decode(leaf))

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'OK',
    ({ code }: { code: number }) => status[code],
  )

async function query(request: MessageInitShape<typeof QueryRequestSchema>) {
  const { entries, nextPageToken } = await client.call(method.query, request)
  return { indices: entries.map(({ leafIndex }) => Number(leafIndex)), entries, nextPageToken }
}

describe('GetRecord', () => {
  it('gives a record that was made a moment ago, by id and by index, with a receipt that verifies', async () => {
    const decision = await ask({ toolName: 'get_record' })
    await ask({ toolName: 'another' })
    const { vkey } = await client.call(method.getCheckpoint, {})
    const keys = [
      { case: 'evidenceId', value: decision.evidenceId },
      { case: 'leafIndex', value: decision.leafIndex },
    ] as const
    for (const key of keys) {
      const { entry, logOrigin, receipt } = await client.call(method.getRecord, { key })
      expect(entry?.leafIndex).toBe(decision.leafIndex)
      expect(entry?.leaf).toEqual(decision.leaf)
      expect(logOrigin).toBe(decision.logOrigin)
      const proven = verifyReceipt(receipt, decision.leaf, [parseVerifierKey(vkey)], verifier)
      expect(proven.index).toBe(Number(decision.leafIndex))
      expect(proven.checkpoint.size).toBeGreaterThan(proven.index + 1)
    }
  })

  it.each([
    ['an id that is not there', { case: 'evidenceId', value: UNKNOWN }, 'NOT_FOUND'],
    ['an index that is not there', { case: 'leafIndex', value: '1000000' }, 'NOT_FOUND'],
    ['an id that is none', { case: 'evidenceId', value: 'x' }, 'INVALID_ARGUMENT'],
    ['an id in upper case', { case: 'evidenceId', value: UNKNOWN.replace('4', 'A') }, 'INVALID_ARGUMENT'],
    ['an index beyond 2^53', { case: 'leafIndex', value: '9007199254740992' }, 'INVALID_ARGUMENT'],
    ['nothing', { case: undefined }, 'INVALID_ARGUMENT'],
  ] as const)('answers %s by its status', async (_what, key, code) => {
    const asked = key.case === 'leafIndex' ? { case: key.case, value: BigInt(key.value) } : key
    expect(await codeOf(client.call(method.getRecord, { key: asked }))).toBe(code)
  })
})

describe('GetCheckpoint', () => {
  it('gives a signed checkpoint that covers every decision answered before', async () => {
    const decision = await ask({ toolName: 'checkpoint' })
    const { checkpoint, vkey } = await client.call(method.getCheckpoint, {})
    const opened = openCheckpoint(
      new TextEncoder().encode(checkpoint),
      decision.logOrigin,
      [parseVerifierKey(vkey)],
      verifier,
    )
    expect(opened.size).toBe(Number(decision.leafIndex) + 1)
  })
})

describe('Query', () => {
  it('finds by tool, principal, outcome and time, newest first', async () => {
    const badge = await devCredential(folder, 'badges', 'level2.jwt').catch(() => '')
    const first = await ask({ toolName: 'query_me' })
    const second = await denied('query_me')
    const third = await ask({ toolName: 'query_me', credential: { case: 'badgeJws', value: badge } })
    const tool = { toolName: 'query_me' }
    const [a, b, c] = [first, second, third].map(({ leafIndex }) => Number(leafIndex))
    expect((await query(tool)).indices).toEqual([c, b, a])
    expect((await query({ ...tool, outcome: Outcome.DENY })).indices).toContain(b)
    expect((await query({ ...tool, outcome: Outcome.ALLOW })).indices).not.toContain(b)
    expect((await query({ ...tool, principal: 'apikey:nobody' })).indices).toEqual([])
    expect((await query({ ...tool, kind: RecordKind.OUTCOME })).indices).toEqual([])
    const at = recordOf(second.leaf)['timestamp']
    const since = timestampFromMs(Date.parse(String(at)))
    expect((await query({ ...tool, since })).indices).toEqual(expect.arrayContaining([c, b]))
    expect((await query({ ...tool, until: since })).indices).not.toContain(b)
    expect((await query({ ...tool, until: timestampFromMs(0) })).indices).toEqual([])
  })

  it('goes through pages while records are added, without a gap and without a repetition', async () => {
    const asked: number[] = []
    for (let n = 0; n < 5; n++) asked.unshift(Number((await ask({ toolName: 'pages' })).leafIndex))
    const seen: number[] = []
    let pageToken = ''
    do {
      const page = await query({ toolName: 'pages', pageSize: 2, pageToken })
      seen.push(...page.indices)
      pageToken = page.nextPageToken
      await ask({ toolName: 'pages' })
    } while (pageToken !== '')
    expect(seen).toEqual(asked)
  })

  it.each<[string, () => MessageInitShape<typeof QueryRequestSchema>]>([
    ['page_token', () => ({ pageToken: 'AAAA' })],
    ['page_token', () => ({ pageToken: 'A'.repeat(257) })],
    ['page_size', () => ({ pageSize: 1001 })],
    ['outcome', () => ({ outcome: 7 as Outcome })],
    ['kind', () => ({ kind: 3 as RecordKind })],
    ['decision_id', () => ({ decisionId: 'x' })],
    ['tool_name', () => ({ toolName: 'x'.repeat(1025) })],
    ['principal', () => ({ principal: 'x'.repeat(2049) })],
    ['since', () => ({ since: timestampFromMs(253_402_300_800_000) })],
    ['until', () => ({ until: { ...timestampFromMs(0), nanos: -1 } })],
  ])('refuses a wrong %s and names it', async (field, request) => {
    await expect(client.call(method.query, request())).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(`${field}: `),
    })
  })

  it('takes the largest of everything', async () => {
    const request = { toolName: 'x'.repeat(1024), principal: 'x'.repeat(2048), pageSize: 1000 }
    expect((await query(request)).indices).toEqual([])
  })

  it('refuses the page token of another query', async () => {
    await ask({ toolName: 'pages' })
    const { nextPageToken } = await query({ toolName: 'pages', pageSize: 1 })
    expect(nextPageToken).not.toBe('')
    expect(await codeOf(query({ toolName: 'other', pageToken: nextPageToken }))).toBe('INVALID_ARGUMENT')
  })
})

describe('RecordOutcome', () => {
  const hash = computeParamsHash({ rows: 1 })

  it('records what the call did, once, linked to its decision', async () => {
    const { evidenceId } = await ask({ toolName: 'outcome' })
    const report = { evidenceId, result: CallResult.OK, duration: durationFromMs(1500), resultHash: hash }
    const answer = await client.call(method.recordOutcome, report)
    const { entries } = await query({ decisionId: evidenceId, kind: RecordKind.OUTCOME })
    expect(entries.map(({ leafIndex }) => leafIndex)).toEqual([answer.leafIndex])
    expect(recordOf(entries[0]?.leaf ?? new Uint8Array())).toEqual({
      'capiscio.agent.did': '',
      'capiscio.decision_id': evidenceId,
      'capiscio.target': 'outcome',
      'event.name': 'capiscio.tool_outcome',
      id: answer.evidenceId,
      'io.capisc.core_version': expect.stringMatching(/^\d+\.\d+\.\d+/),
      'io.capisc.duration_ms': 1500,
      'io.capisc.result': 'ok',
      'io.capisc.result_hash': hash,
      timestamp: expect.stringMatching(/^\d{4}-.*\.\d{9}Z$/),
    })
    await expect(client.call(method.recordOutcome, report)).rejects.toMatchObject({
      code: status.ALREADY_EXISTS,
      details: expect.stringContaining(answer.evidenceId),
    })
  })

  it('takes an error without hash and duration', async () => {
    const { evidenceId } = await ask({ toolName: 'outcome' })
    const { leafIndex } = await client.call(method.recordOutcome, { evidenceId, result: CallResult.ERROR })
    const { entry } = await client.call(method.getRecord, { key: { case: 'leafIndex', value: leafIndex } })
    expect(recordOf(entry?.leaf ?? new Uint8Array())).toMatchObject({
      'io.capisc.duration_ms': 0,
      'io.capisc.result': 'error',
    })
  })

  it('refuses what is no allowed decision of this log', async () => {
    const report = { result: CallResult.OK }
    expect(await codeOf(client.call(method.recordOutcome, { ...report, evidenceId: UNKNOWN }))).toBe('NOT_FOUND')
    const { evidenceId } = await denied('outcome')
    expect(await codeOf(client.call(method.recordOutcome, { ...report, evidenceId }))).toBe('FAILED_PRECONDITION')
  })

  it.each<[string, () => MessageInitShape<typeof RecordOutcomeRequestSchema>]>([
    ['evidence_id', () => ({ evidenceId: 'x' })],
    ['result', () => ({ result: CallResult.UNSPECIFIED })],
    ['result', () => ({ result: 3 as CallResult })],
    ['duration', () => ({ duration: durationFromMs(-1) })],
    ['duration', () => ({ duration: durationFromMs(366 * 86_400_000 + 1) })],
    ['result_hash', () => ({ resultHash: 'sha256:short' })],
    ['result_hash', () => ({ resultHash: `${hash}=` })],
  ])('refuses another %s and names it', async (field, change) => {
    const request = { evidenceId: UNKNOWN, result: CallResult.OK, ...change() }
    await expect(client.call(method.recordOutcome, request)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(`${field}: `),
    })
  })

  it('comes from the guard, before its client is closed', async () => {
    const results = { rows: [1, 2, 3] }
    const sdk = createCoreClient({ address: core.address })
    await guard({ tool: 'reported', client: sdk }, async () => results)()
    const failing = guard({ tool: 'reported', client: sdk }, async () => Promise.reject(new Error('no')))
    await expect(failing()).rejects.toThrow('no')
    await sdk[Symbol.asyncDispose]()
    const { entries } = await query({ toolName: 'reported', kind: RecordKind.OUTCOME })
    expect(entries.map(({ leaf }) => recordOf(leaf)['io.capisc.result']).sort()).toEqual(['error', 'ok'])
    expect(entries.map(({ leaf }) => recordOf(leaf)['io.capisc.result_hash'])).toContain(computeParamsHash(results))
  })
})

describe('Watch', () => {
  it('sends every record from the first one in order, and then those that come', async () => {
    const { leafIndex } = await ask({ toolName: 'watched' })
    const watch = openWatch(core.address, { fromIndex: 0n })
    await watch.until(Number(leafIndex) + 1)
    const asked = await Promise.all(Array.from({ length: 300 }, () => ask({ toolName: 'watched' })))
    await watch.until(Number(leafIndex) + 301)
    expect(watch.entries.map((entry) => entry.leafIndex)).toEqual(watch.entries.map((_entry, i) => BigInt(i)))
    for (const decision of asked) expect(watch.entries[Number(decision.leafIndex)]?.leaf).toEqual(decision.leaf)
    watch.close()
  })

  it('without an index sends only what comes', async () => {
    const before = await ask({ toolName: 'before' })
    const watch = openWatch(core.address)
    // The stream exists when the core has seen the call; records from then on must come.
    let next = before
    while (watch.entries.length === 0) next = await ask({ toolName: 'after' })
    await watch.until(1)
    expect(watch.entries[0]?.leafIndex).toBeGreaterThan(before.leafIndex)
    const first = Number(watch.entries[0]?.leafIndex)
    await watch.until(Number(next.leafIndex) - first + 1)
    expect(watch.entries.map((entry) => Number(entry.leafIndex))).toEqual(watch.entries.map((_entry, i) => first + i))
    watch.close()
  })

  it('refuses an index beyond the end, which is of another log', async () => {
    const { leafIndex } = await ask({ toolName: 'watched' })
    const watch = openWatch(core.address, { fromIndex: leafIndex + 2n })
    expect(await watch.ended).toMatchObject({ code: status.INVALID_ARGUMENT })
    const atTheEnd = openWatch(core.address, { fromIndex: leafIndex + 1n })
    const { leafIndex: next } = await ask({ toolName: 'watched' })
    expect((await atTheEnd.until(1))[0]?.leafIndex).toBe(next)
    atTheEnd.close()
  })
})

describe('a record', () => {
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

  it.each([
    ['of the request', { traceparent: trace }, {}, trace],
    ['of the call', {}, { traceparent: trace }, trace],
    [
      'of the request before that of the call',
      { traceparent: trace },
      { traceparent: trace.replace('b7', 'b8') },
      trace,
    ],
    ['that is none: nothing', { traceparent: 'nonsense' }, { traceparent: trace }, undefined],
    ['that is none in the call: nothing', {}, { traceparent: trace.toUpperCase() }, undefined],
  ])('has the trace context %s', async (_what, request, headers, expected) => {
    const leaf = await web(CoreService, 'EvaluateToolAccess', { toolName: 'traced', ...request }, headers)
    expect(leaf['io.capisc.traceparent']).toBe(expected)
  })

  it('names the SDK, or the client of the old contract', async () => {
    const named = await web(CoreService, 'EvaluateToolAccess', { toolName: 't', sdk: 'mine/1' }, { 'user-agent': 'x' })
    expect(named['io.capisc.sdk']).toBe('mine/1')
    const { evidenceJson } = await client.call(MCPService.method.evaluateToolAccess, { toolName: 't' })
    expect(JSON.parse(evidenceJson)['io.capisc.sdk']).toMatch(/^grpc-node-js\//)
  })

  async function web(
    service: { typeName: string },
    name: string,
    body: object,
    headers: Record<string, string>,
  ): Promise<Record<string, unknown>> {
    const response = await fetch(`${core.http}/${service.typeName}/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    const { decision } = (await response.json()) as { decision: { leaf: string } }
    return recordOf(Buffer.from(decision.leaf, 'base64'))
  }
})

describe('when the core stops', () => {
  it('a watch ends with advice where to go on, and the index is there again, whatever became of its file', async () => {
    const indexFolder = join(folder, 'state', 'evidence-index')
    const files = () => readdirSync(indexFolder).map((file) => join(indexFolder, file))
    const decision = await ask({ toolName: 'kept' })
    const watch = openWatch(core.address, { fromIndex: decision.leafIndex })
    await watch.until(1)
    expect(await core.stop()).toBe(0)
    expect(await watch.ended).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining(`from index ${decision.leafIndex + 1n}.`),
    })
    expect(files().map((file) => (statSync(file).mode & 0o777).toString(8))).toEqual(['600'])

    const damages = [
      () => [],
      () => files().map((file) => rmSync(file)),
      () => files().map((file) => writeFileSync(file, 'damaged '.repeat(1000))),
    ]
    for (const damage of damages) {
      damage()
      client[Symbol.dispose]()
      await start()
      expect((await query({ toolName: 'kept' })).indices).toEqual([Number(decision.leafIndex)])
      // Its index is behind now, as after a power cut.
      await ask({ toolName: 'more' })
      await core.kill()
    }
    client[Symbol.dispose]()
    await start()
    const { entry } = await client.call(method.getRecord, {
      key: { case: 'evidenceId', value: decision.evidenceId },
    })
    expect(entry?.leaf).toEqual(decision.leaf)
    expect((await query({ toolName: 'more' })).indices).toHaveLength(damages.length)
  })
})
