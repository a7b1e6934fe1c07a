import { describe, expect, it } from 'vitest'
import { createEvidenceSearch } from '../../../../core/src/domain/evidence/evidence-search.ts'
import { createIndexFollower } from '../../../../core/src/domain/evidence/index-follower.ts'
import { createOpenCalls } from '../../../../core/src/domain/evidence/open-calls.ts'
import { createOutcomeRecorder, type Outcome } from '../../../../core/src/domain/evidence/outcome-recorder.ts'
import { readRecordFacts } from '../../../../core/src/domain/evidence/record-facts.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { createMemoryEvidenceIndex } from '../../../fakes/memory-evidence-index.ts'
import { createCommittedLog, decision, idOf, START_MS } from './test-records.ts'

const HASH = `sha256:${'A'.repeat(43)}`

function createRecorder(isRemembered: boolean, leaves: Uint8Array[]) {
  const written = createCommittedLog(leaves)
  const index = createMemoryEvidenceIndex()
  const clock = createFixedClock(START_MS + 60_000)
  const follower = createIndexFollower({
    ...written,
    ...{ index, clock },
    telemetry: { fault: () => {}, evidenceIndexed: () => {}, evidenceIndexRebuilt: () => {} },
  })
  const search = createEvidenceSearch({ ...written, index, follower })
  const openCalls = createOpenCalls(100)
  const remember = (leaf: Uint8Array): void => {
    const { kind, decision: verdict, id } = readRecordFacts(leaf)
    if (isRemembered && kind === 'decision' && verdict === 'ALLOW') openCalls.add(id, leaf)
  }
  leaves.forEach(remember)
  const results: string[] = []
  let ids = 900
  let failure: Error | undefined
  const recorder = createOutcomeRecorder({
    log: {
      async append(leaf) {
        if (failure !== undefined) throw failure
        return written.log.append(leaf)
      },
    },
    ...{ search, openCalls, clock, coreVersion: '1.2.3' },
    random: { uuid: () => idOf(ids++) },
    telemetry: { outcomeRecorded: ({ result }) => results.push(result) },
  })
  const record = (changes: Partial<Outcome> = {}) =>
    recorder.record({ decisionId: idOf(0), result: 'ok', durationMs: 12, resultHash: HASH, ...changes })
  return {
    ...written,
    commit(leaf: Uint8Array) {
      written.commit(leaf)
      remember(leaf)
    },
    index,
    record,
    results,
    failWith: (error: Error | undefined) => {
      failure = error
    },
  }
}

describe.each([
  ['of a call that is remembered', true],
  ['of a call that is looked up', false],
])('an outcome %s', (_, isRemembered) => {
  const recorderOn = (...leaves: Uint8Array[]) => createRecorder(isRemembered, leaves)

  it('is recorded with tool and principal of its decision', async () => {
    const { record, leaves, results } = recorderOn(decision(0, { target: 'drop_table', agentDid: 'apikey:ci' }))
    expect(await record({ result: 'error' })).toEqual({ id: idOf(900), index: 1 })
    expect(JSON.parse(new TextDecoder().decode(leaves[1]))).toEqual({
      'capiscio.agent.did': 'apikey:ci',
      'capiscio.decision_id': idOf(0),
      'capiscio.target': 'drop_table',
      'event.name': 'capiscio.tool_outcome',
      id: idOf(900),
      'io.capisc.core_version': '1.2.3',
      'io.capisc.duration_ms': 12,
      'io.capisc.result': 'error',
      'io.capisc.result_hash': HASH,
      timestamp: '2026-05-06T10:01:00.000000000Z',
    })
    expect(results).toEqual(['error'])
  })

  it('of a decision made a moment ago is recorded', async () => {
    const { record, commit } = recorderOn()
    commit(decision(0))
    expect(await record()).toMatchObject({ index: 1 })
  })

  it('of a decision that this log does not have is refused', async () => {
    const { record, leaves } = recorderOn(decision(0))
    await expect(record({ decisionId: idOf(1) })).rejects.toMatchObject({ code: 'DECISION_UNKNOWN' })
    expect(leaves).toHaveLength(1)
  })

  it('of a denial is refused, and of an outcome as well', async () => {
    const { record, leaves } = recorderOn(decision(0), decision(1, { decision: 'DENY' }))
    await expect(record({ decisionId: idOf(1) })).rejects.toMatchObject({ code: 'DECISION_NOT_ALLOW' })
    const { id } = await record()
    await expect(record({ decisionId: id })).rejects.toMatchObject({ code: 'DECISION_NOT_ALLOW' })
    expect(leaves).toHaveLength(3)
  })

  it('of a foreign record that only looks allowed is refused', async () => {
    const other = new TextEncoder().encode(`{"capiscio.decision":"ALLOW","event.name":"x","id":"${idOf(0)}"}`)
    await expect(recorderOn(other).record()).rejects.toMatchObject({ code: 'DECISION_NOT_ALLOW' })
  })

  it('comes once', async () => {
    const { record, leaves, results } = recorderOn(decision(0))
    await record()
    await expect(record({ result: 'error' })).rejects.toMatchObject({ code: 'OUTCOME_EXISTS' })
    expect(leaves).toHaveLength(2)
    expect(results).toEqual(['ok'])
  })

  it('comes once also when many come at the same time', async () => {
    const { record, leaves } = recorderOn(decision(0), decision(1))
    const settled = await Promise.allSettled([
      ...Array.from({ length: 8 }, () => record()),
      record({ decisionId: idOf(1) }),
    ])
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    expect(leaves).toHaveLength(4)
  })

  it('that could not be stored may be tried again', async () => {
    const { record, leaves, failWith, results } = recorderOn(decision(0))
    failWith(new Error('disk'))
    const [first, second] = await Promise.allSettled([record(), record()])
    expect([first?.status, second?.status]).toEqual(['rejected', 'rejected'])
    expect(results).toEqual([])
    failWith(undefined)
    await record()
    expect(leaves).toHaveLength(2)
  })
})

describe('an outcome', () => {
  it('of a remembered call needs no index', async () => {
    const { record, index, results } = createRecorder(true, [decision(0)])
    await index.close()
    expect(await record()).toEqual({ id: idOf(900), index: 1 })
    expect(results).toEqual(['ok'])
  })

  it('of a call that is not remembered does', async () => {
    const { record, index } = createRecorder(false, [decision(0)])
    await index.close()
    await expect(record()).rejects.toThrow('index')
  })
})
