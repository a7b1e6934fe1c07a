import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvidenceService } from '@capiscio/proto/core/v1'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNodeEd25519Verifier } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { verifyReceipt } from '../../core/src/domain/evidence/receipt.ts'
import { parseVerifierKey } from '../../core/src/domain/evidence/verifier-key.ts'
import {
  computeParamsHash,
  createCoreClient,
  protectServer,
  receiptFrom,
  verifyReceipt as verifyReceiptHere,
} from '../../sdk-node/src/index.ts'
import { type CoreProcess, startDevCore } from '../tools/core-process.ts'
import { MCP_WORLDS, type SetUpServer, type WorldResult } from '../tools/mcp-worlds.ts'
import { createRawClient, type RawClient } from '../tools/raw-client.ts'

const { method } = EvidenceService
const verifier = createNodeEd25519Verifier({ maxKeys: 1 })
const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })

let core: CoreProcess
let raw: RawClient

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-mcp-evidence-')))
  raw = createRawClient(core.address)
})

afterAll(async () => {
  raw[Symbol.dispose]()
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

/** The records of outcomes under one decision. */
async function outcomesOf(decisionId: string): Promise<Record<string, unknown>[]> {
  const { entries } = await raw.call(method.query, { decisionId })
  return entries.map(({ leaf }) => JSON.parse(new TextDecoder().decode(leaf)))
}

function receiptOf(result: WorldResult) {
  const receipt = receiptFrom({ ...result })
  if (receipt === undefined) throw new Error('the result has no receipt')
  return receipt
}

describe.each(MCP_WORLDS)('a protected server of SDK %s', (_name, open) => {
  /** Runs calls against a server of its own, then waits until their reports have arrived. */
  async function withServer<T>(
    register: SetUpServer,
    use: (world: Awaited<ReturnType<typeof open>>) => Promise<T>,
  ): Promise<T> {
    // Disposing it waits for the reports under way.
    await using client = createCoreClient({ address: core.address })
    const world = await open((server) => {
      protectServer(server, { client })
      register(server)
    })
    const result = await use(world)
    await world.close()
    return result
  }

  it('leaves a record of what the tool did, with duration and hash', async () => {
    const result = await withServer(
      (server) => server.registerTool('read', {}, async () => text('done')),
      (world) => world.call('read'),
    )
    expect(await outcomesOf(receiptOf(result).evidenceId)).toMatchObject([
      {
        'event.name': 'capiscio.tool_outcome',
        'io.capisc.result': 'ok',
        'io.capisc.result_hash': computeParamsHash(text('done')),
      },
    ])
  })

  it('records an error for a tool that throws, and for one that answers with an error', async () => {
    const [thrown, answered] = await withServer(
      (server) => {
        server.registerTool('throw', {}, async () => {
          throw new Error('no such file')
        })
        server.registerTool('answer', {}, async () => ({ ...text('no such file'), isError: true }))
      },
      async (world) => [await world.call('throw'), await world.call('answer')] as const,
    )
    for (const result of [thrown, answered]) {
      expect(result).toMatchObject({ isError: true, content: [{ text: 'no such file' }] })
      expect(await outcomesOf(receiptOf(result).evidenceId)).toMatchObject([{ 'io.capisc.result': 'error' }])
    }
  })

  it('records how a cancelled tool ended', async () => {
    const started = Promise.withResolvers<string>()
    await withServer(
      (server) =>
        server.registerTool('wait', {}, async (given: object) => {
          const { currentDecision } = await import('../../sdk-node/src/index.ts')
          const signal = ('mcpReq' in given ? given.mcpReq : given) as { signal: AbortSignal }
          const aborted = new Promise((resolve) => signal.signal.addEventListener('abort', resolve))
          started.resolve(currentDecision()?.evidenceId ?? '')
          await aborted
          throw new Error('stopped')
        }),
      async (world) => {
        const abort = new AbortController()
        const call = world.call('wait', { signal: abort.signal })
        await started.promise
        abort.abort()
        await expect(call).rejects.toThrow()
        // Another call and its answer: by then the server has heard of the cancellation.
        await world.call('nothing').catch(() => undefined)
      },
    )
    expect(await outcomesOf(await started.promise)).toMatchObject([{ 'io.capisc.result': 'error' }])
  })

  it('gives a proof that verifies with the record and the key of the log', async () => {
    const [proven, denied, plain] = await withServer(
      (server) => {
        server.registerTool('read', {}, async () => text('done'))
      },
      async (world) =>
        [
          await world.call('read', { meta: { 'io.capisc/want-proof': true } }),
          await world.call('read', { meta: { 'io.capisc/want-proof': true, capiscio_caller_badge: 'forged' } }),
          await world.call('read'),
        ] as const,
    )
    const { vkey } = await raw.call(method.getCheckpoint, {})
    for (const result of [proven, denied]) {
      const { evidenceId, leafIndex, logOrigin, proof } = receiptOf(result)
      const record = await raw.call(method.getRecord, { key: { case: 'evidenceId', value: evidenceId } })
      expect(record).toMatchObject({ logOrigin, entry: { leafIndex: BigInt(leafIndex) } })
      const leaf = record.entry?.leaf ?? new Uint8Array()
      expect(verifyReceipt(proof ?? '', leaf, [parseVerifierKey(vkey)], verifier).index).toBe(Number(leafIndex))
      const proven = await verifyReceiptHere(proof ?? '', leaf, vkey)
      expect(proven).toMatchObject({ leafIndex: BigInt(leafIndex), checkpoint: { logOrigin } })
    }
    expect(denied).toMatchObject({ isError: true, _meta: { 'io.capisc/denial': { code: 'TOOL_BADGE_INVALID' } } })
    expect(receiptOf(plain).proof).toBeUndefined()
  })
})
