import { create } from '@bufbuild/protobuf'
import { durationMs } from '@bufbuild/protobuf/wkt'
import {
  CallResult,
  type Decision,
  type GetRecordRequest,
  GetRecordResponseSchema,
  type RecordOutcomeRequest,
  RecordOutcomeResponseSchema,
} from '@capiscio/proto/core/v1'
import type { Members } from '@capiscio/proto/mcp'
import { describe, expect, it } from 'vitest'
import type { CoreClient } from '../../../../sdk-node/src/client.ts'
import { currentDecision } from '../../../../sdk-node/src/current-decision.ts'
import { fetchProof } from '../../../../sdk-node/src/mcp/fetch-proof.ts'
import { guardToolCalls, type RequestHandler } from '../../../../sdk-node/src/mcp/guard-requests.ts'
import { decideToolDemands } from '../../../../sdk-node/src/mcp/tool-demands.ts'
import { computeParamsHash } from '../../../../sdk-node/src/params-hash.ts'
import { createScriptedClient, type ScriptedClient } from '../../../fakes/scripted-client.ts'
import { allow, deny } from '../../../fakes/scripted-core.ts'

const ASKS_FOR_PROOF = { _meta: { 'io.capisc/want-proof': true } }
const DONE = { content: [{ type: 'text', text: 'done' }] }

/** A guarded handler in front of a scripted core, whose clock moves 250 ms at each look. */
function createWorld(handler: RequestHandler, more: Partial<CoreClient> = {}, onLook: () => void = () => undefined) {
  const outcomes: RecordOutcomeRequest[] = []
  let nowMs = 0
  const client = Object.assign(createScriptedClient(), {
    async recordOutcome(request: RecordOutcomeRequest) {
      outcomes.push(request)
      return create(RecordOutcomeResponseSchema)
    },
    ...more,
  })
  const guarded = guardToolCalls(handler, {
    client: () => client,
    demands: decideToolDemands(undefined, undefined),
    serverOrigin: undefined,
    bearerIsBadge: false,
    timeoutMs: undefined,
    monotonicMs: () => {
      onLook()
      nowMs += 250
      return nowMs
    },
  })
  const call = async (context: object = {}) =>
    (await guarded({ method: 'tools/call', params: { name: 'read' } }, context)) as Members
  return { client, outcomes, call }
}

describe('the outcome of an allowed call', () => {
  it('is ok, with the duration and the hash of what the handler gave', async () => {
    let evidenceId: string | undefined
    const { call, outcomes } = createWorld(async () => {
      evidenceId = currentDecision()?.evidenceId
      return DONE
    })
    await call()
    expect(outcomes).toHaveLength(1)
    expect(outcomes[0]).toMatchObject({ evidenceId, result: CallResult.OK, resultHash: computeParamsHash(DONE) })
    expect(outcomes[0]?.duration && durationMs(outcomes[0].duration)).toBe(250)
  })

  it('is an error when the tool says so itself', async () => {
    const failed = { ...DONE, isError: true }
    const { call, outcomes } = createWorld(async () => failed)
    expect(await call()).toMatchObject(failed)
    expect(outcomes).toMatchObject([{ result: CallResult.ERROR, resultHash: computeParamsHash(failed) }])
  })

  it('is an error when the handler throws, and its own error goes on', async () => {
    const failure = new Error('no such file')
    const { call, outcomes } = createWorld(() => {
      throw failure
    })
    await expect(call()).rejects.toBe(failure)
    expect(outcomes).toMatchObject([{ result: CallResult.ERROR, resultHash: '' }])
  })

  it('is an error when the call was cancelled after the decision and before the handler began', async () => {
    const abort = new AbortController()
    let runs = 0
    const handler = () => {
      runs += 1
      return DONE
    }
    const { call, outcomes } = createWorld(handler, {}, () => abort.abort())
    await expect(call({ signal: abort.signal })).rejects.toMatchObject({ code: 'CALL_ABORTED' })
    expect(runs).toBe(0)
    expect(outcomes).toMatchObject([{ result: CallResult.ERROR, resultHash: '' }])
  })

  it('is how the handler ended when the call was cancelled while it ran', async () => {
    const abort = new AbortController()
    const { call, outcomes } = createWorld(async () => {
      abort.abort()
      throw new Error('stopped')
    })
    await expect(call({ signal: abort.signal })).rejects.toThrow('stopped')
    expect(outcomes).toMatchObject([{ result: CallResult.ERROR }])
  })

  it('is not reported for a denial', async () => {
    const { call, outcomes, client } = createWorld(() => DONE)
    client.script = deny
    expect(await call()).toMatchObject({ isError: true })
    expect(outcomes).toEqual([])
  })

  it('is not waited for, and changes no reply when it is lost', async () => {
    const never = createWorld(() => DONE, { recordOutcome: () => new Promise(() => undefined) })
    expect(await never.call()).toMatchObject(DONE)
    const broken = createWorld(() => DONE, { recordOutcome: () => Promise.reject(new Error('gone')) })
    expect(await broken.call()).toMatchObject(DONE)
    const old = createWorld(() => DONE, { recordOutcome: undefined as never })
    expect(await old.call()).toMatchObject(DONE)
  })
})

describe('the proof in a reply', () => {
  /** A core that gives the record of its last decision, with changes. */
  function records(changes: { logOrigin?: string; leaf?: Uint8Array; receipt?: string } = {}) {
    const asked: GetRecordRequest[] = []
    let decision: Decision | undefined
    const keep =
      (script: ScriptedClient['script']): ScriptedClient['script'] =>
      async (request) => {
        const answer = await script(request)
        if (answer.kind === 'decision') decision = answer.decision
        return answer
      }
    const world = createWorld(() => DONE, {
      async getRecord(request: GetRecordRequest) {
        asked.push(request)
        return create(GetRecordResponseSchema, {
          entry: { leaf: changes.leaf ?? decision?.leaf ?? new Uint8Array() },
          logOrigin: changes.logOrigin ?? decision?.logOrigin ?? '',
          receipt: changes.receipt ?? 'c2sp.org/tlog-proof@v1',
        })
      },
    })
    world.client.script = keep(allow)
    return { ...world, asked, decideBy: (script: ScriptedClient['script']) => (world.client.script = keep(script)) }
  }
  const evidenceOf = (result: Members) => (result._meta as Members)['io.capisc/evidence'] as Members

  it('comes for who wants it, in both spellings of a context, and is not fetched for others', async () => {
    const { call, asked } = records()
    expect(evidenceOf(await call(ASKS_FOR_PROOF))).toMatchObject({ proof: 'c2sp.org/tlog-proof@v1' })
    expect(evidenceOf(await call({ mcpReq: ASKS_FOR_PROOF }))).toMatchObject({ proof: 'c2sp.org/tlog-proof@v1' })
    expect(asked.map(({ key }) => key.case)).toEqual(['leafIndex', 'leafIndex'])
    expect(evidenceOf(await call())).not.toHaveProperty('proof')
    expect(asked).toHaveLength(2)
  })

  it.each([
    ['of another log', { logOrigin: 'other.example/log' }],
    ['of another record', { leaf: new Uint8Array([1]) }],
    ['that is empty', { receipt: '' }],
  ])('is left out when the core gives one %s', async (_what, changes) => {
    const result = await records(changes).call(ASKS_FOR_PROOF)
    expect(result).toMatchObject(DONE)
    expect(evidenceOf(result)).toMatchObject({ evidenceId: expect.any(String) })
    expect(evidenceOf(result)).not.toHaveProperty('proof')
  })

  it('is not waited for beyond its time', async () => {
    const client = createWorld(() => DONE, { getRecord: () => new Promise(() => undefined) }).client
    const record = { leafIndex: 7n, logOrigin: 'log.example/1', leaf: new Uint8Array([1]) }
    expect(await fetchProof(client, record, 1)).toBeUndefined()
  })

  it.each([
    ['refuses', { getRecord: () => Promise.reject(new Error('not from here')) }],
    ['has none to give', {}],
  ])('is left out where the client %s', async (_what, more) => {
    const result = await createWorld(() => DONE, more).call(ASKS_FOR_PROOF)
    expect(result).toMatchObject(DONE)
    expect(evidenceOf(result)).not.toHaveProperty('proof')
  })

  it('stands beside the reason of a denial', async () => {
    const { call, decideBy } = records()
    decideBy(deny)
    const result = await call(ASKS_FOR_PROOF)
    expect(result._meta).toMatchObject({
      'io.capisc/denial': { reason: expect.any(String) },
      'io.capisc/evidence': { proof: 'c2sp.org/tlog-proof@v1' },
    })
  })
})
