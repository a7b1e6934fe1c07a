import { create } from '@bufbuild/protobuf'
import { durationMs } from '@bufbuild/protobuf/wkt'
import type { RecordOutcomeRequest } from '@capiscio/proto/core/v1'
import { CallResult, RecordOutcomeResponseSchema } from '@capiscio/proto/core/v1'
import { CoreConnectionError, MethodUnimplementedError } from '@capiscio/proto/sdk'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { guard } from '../../../sdk-node/src/guard.ts'
import { GuardError } from '../../../sdk-node/src/guard-error.ts'
import { computeParamsHash } from '../../../sdk-node/src/params-hash.ts'
import { createScriptedClient, type ScriptedClient } from '../../fakes/scripted-client.ts'
import { deny } from '../../fakes/scripted-core.ts'

const warnings: (Error & { code?: string })[] = []
const keep = (warning: Error): void => void warnings.push(warning)
beforeEach(() => void process.on('warning', keep))
afterEach(() => {
  process.off('warning', keep)
  warnings.length = 0
})

/** A core in this process that takes outcomes, and answers them as the script says. */
function createClient(answer: () => Promise<void> = async () => {}) {
  const outcomes: RecordOutcomeRequest[] = []
  const client: ScriptedClient = Object.assign(createScriptedClient(), {
    async recordOutcome(request: RecordOutcomeRequest) {
      outcomes.push(request)
      await answer()
      return create(RecordOutcomeResponseSchema)
    },
  })
  return { client, outcomes }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('after a guarded handler', () => {
  test('its outcome is reported under the decision that let it run', async () => {
    const { client, outcomes } = createClient()
    const ids: string[] = []
    const read = guard({ tool: 'read', client }, async () => {
      const { currentDecision } = await import('../../../sdk-node/src/current-decision.ts')
      ids.push(currentDecision()?.evidenceId ?? '')
      return { rows: [1, 2] }
    })
    expect(await read()).toEqual({ rows: [1, 2] })
    expect(outcomes).toHaveLength(1)
    expect(outcomes[0]).toMatchObject({
      evidenceId: ids[0],
      result: CallResult.OK,
      resultHash: computeParamsHash({ rows: [1, 2] }),
    })
    expect(outcomes[0]?.duration === undefined ? -1 : durationMs(outcomes[0].duration)).toBeGreaterThanOrEqual(0)
  })

  test('is an error for an allowed call that was aborted before its handler began', async () => {
    // Abort after n microtasks: some of them come between the ALLOW and the handler.
    let between = 0
    for (let turns = 0; turns < 40; turns += 1) {
      const { client, outcomes } = createClient()
      const controller = new AbortController()
      let began = false
      const read = guard({ tool: 'read', client, signal: () => controller.signal }, async () => {
        began = true
      })
      const asked = read().catch((error: { evidenceId?: string }) => error)
      for (let passed = 0; passed < turns; passed += 1) await undefined
      controller.abort()
      const error = await asked
      await turn()
      const wasAllowed = began || error?.evidenceId !== undefined
      expect(outcomes.map(({ result }) => result)).toEqual(wasAllowed ? [began ? CallResult.OK : CallResult.ERROR] : [])
      if (wasAllowed && !began) between += 1
    }
    expect(between).toBeGreaterThan(0)
  })

  test('that throws, an error is reported, and its own error reaches the caller', async () => {
    const { client, outcomes } = createClient()
    const failure = new Error('no such table')
    const read = guard({ tool: 'read', client }, () => {
      throw failure
    })
    await expect(read()).rejects.toBe(failure)
    expect(outcomes).toMatchObject([{ result: CallResult.ERROR, resultHash: '' }])
  })

  test.each([
    [{ isError: true, content: [] }, CallResult.ERROR],
    [{ isError: false, content: [] }, CallResult.OK],
    [{ isError: 'true' }, CallResult.OK],
  ])('whose MCP result is %j, %s is reported', async (result, expected) => {
    const { client, outcomes } = createClient()
    await guard({ tool: 'read', client }, async () => result)()
    expect(outcomes).toMatchObject([{ result: expected, resultHash: computeParamsHash(result) }])
  })

  test.each([
    ['undefined', undefined],
    ['a stream', new ReadableStream()],
    ['a date', new Date(0)],
    ['a bigint', 1n],
  ])('whose result is %s, no hash is reported, and the result is the same one', async (_what, result) => {
    const { client, outcomes } = createClient()
    expect(await guard({ tool: 'read', client }, () => result)()).toBe(result)
    expect(outcomes).toMatchObject([{ result: CallResult.OK, resultHash: '' }])
  })

  test('nobody waits for the core', async () => {
    const { client, outcomes } = createClient(() => new Promise(() => {}))
    expect(await guard({ tool: 'read', client }, () => 7)()).toBe(7)
    expect(outcomes).toHaveLength(1)
  })

  test('a lost report changes nothing and is told once', async () => {
    const { client } = createClient(() => Promise.reject(new CoreConnectionError('gone')))
    const read = guard({ tool: 'read', client }, () => 7)
    expect([await read(), await read()]).toEqual([7, 7])
    await turn()
    await turn()
    expect(warnings.map(({ code }) => code)).toEqual(['CAPISCIO_OUTCOME_CORE_UNREACHABLE'])
  })

  test('a client that throws at once changes nothing', async () => {
    const { client } = createClient()
    client.recordOutcome = () => {
      throw new Error('broken')
    }
    expect(await guard({ tool: 'read', client }, () => 7)()).toBe(7)
    await turn()
    await turn()
    expect(warnings.map(({ code }) => code)).toEqual(['CAPISCIO_OUTCOME_CLIENT_FAILED'])
  })

  test('a core that takes no outcomes is not asked again', async () => {
    const { client, outcomes } = createClient(() => Promise.reject(new MethodUnimplementedError('no')))
    const read = guard({ tool: 'read', client }, () => 7)
    await read()
    await turn()
    await read()
    expect(outcomes).toHaveLength(1)
    await turn()
    expect(warnings).toEqual([])
  })

  test('no more than 1024 reports wait for a core that does not answer, and the loss is told', async () => {
    const { client, outcomes } = createClient(() => new Promise(() => {}))
    const read = guard({ tool: 'read', client }, () => 7)
    for (let call = 0; call < 1030; call++) await read()
    expect(outcomes).toHaveLength(1024)
    await turn()
    expect(warnings.map(({ code }) => code)).toEqual(['CAPISCIO_OUTCOMES_LOST'])
  })

  test('an answered report makes room for another', async () => {
    const { client, outcomes } = createClient()
    const read = guard({ tool: 'read', client }, () => 7)
    for (let call = 0; call < 1030; call++) await read()
    expect(outcomes).toHaveLength(1030)
  })
})

test('a handler that did not run has no outcome', async () => {
  const { client, outcomes } = createClient()
  client.script = deny
  await expect(guard({ tool: 'read', client }, () => 7)()).rejects.toThrow(GuardError)
  expect(outcomes).toEqual([])
})

test('reportOutcome: false reports nothing', async () => {
  const { client, outcomes } = createClient()
  expect(await guard({ tool: 'read', client, reportOutcome: false }, () => 7)()).toBe(7)
  expect(outcomes).toEqual([])
})

test('reportOutcome is true or false', () => {
  expect(() => guard({ tool: 'read', reportOutcome: 'no' as never }, () => 7)).toThrow(TypeError)
})

describe('the traceparent of a call', () => {
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

  test('is found among the arguments and sent', async () => {
    const { client } = createClient()
    const read = guard(
      { tool: 'read', client, params: () => undefined, traceparent: (ctx) => ctx.trace },
      (ctx: { trace: string }) => ctx.trace,
    )
    await read({ trace })
    expect(client.requests[0]?.traceparent).toBe(trace)
  })

  test.each([['x'.repeat(65)], [7], [undefined]])('that is %j is not sent', async (value) => {
    const { client } = createClient()
    await guard({ tool: 'read', client, traceparent: () => value as never }, () => 7)()
    expect(client.requests[0]?.traceparent).toBe('')
  })
})
