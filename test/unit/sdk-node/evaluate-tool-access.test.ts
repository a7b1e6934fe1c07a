import { CallAbortedError } from '@capiscio/proto/sdk'
import { describe, expect, test } from 'vitest'
import { withAbortSignal } from '../../../sdk-node/src/abort-signal.ts'
import { withCredential } from '../../../sdk-node/src/credential.ts'
import type { EvaluateToolAccessOptions } from '../../../sdk-node/src/evaluate-tool-access.ts'
import { evaluateToolAccess } from '../../../sdk-node/src/evaluate-tool-access.ts'
import { computeParamsHash } from '../../../sdk-node/src/params-hash.ts'
import { createScriptedClient } from '../../fakes/scripted-client.ts'
import { deny, hang } from '../../fakes/scripted-core.ts'

describe('the credential of a question', () => {
  test('is that of the context when none is given', async () => {
    const client = createScriptedClient()
    await withCredential({ apiKey: 'ambient' }, () => evaluateToolAccess('read', {}, { client }))
    expect(client.requests[0]?.credential).toEqual({ case: 'apiKey', value: 'ambient' })
  })

  test('is the given one inside a context with another', async () => {
    const client = createScriptedClient()
    await withCredential({ apiKey: 'ambient' }, () =>
      evaluateToolAccess('read', {}, { client, credential: { badge: 'given' } }),
    )
    expect(client.requests[0]?.credential).toEqual({ case: 'badgeJws', value: 'given' })
  })

  test('is nobody when undefined is given: a request without one never borrows that of the server', async () => {
    const client = createScriptedClient()
    const access = await withCredential({ apiKey: 'ambient' }, () =>
      evaluateToolAccess('read', {}, { client, credential: undefined }),
    )
    expect(client.requests[0]?.credential.case).toBeUndefined()
    expect(access.authLevel).toBe('anonymous')
  })
})

describe('the arguments of a question', () => {
  test.each<[what: string, params: unknown, hashed: unknown]>([
    ['an object', { query: 'x' }, { query: 'x' }],
    ['nothing as {}', undefined, {}],
    ['null as null', null, null],
    ['a list', [1, 2], [1, 2]],
  ])('are hashed: %s', async (_what, params, hashed) => {
    const client = createScriptedClient()
    await evaluateToolAccess('read', params, { client })
    expect(client.requests[0]?.paramsHash).toBe(computeParamsHash(hashed))
  })
})

describe('the demands of a question', () => {
  test('are absent when none are given, so that the core decides alone', async () => {
    const client = createScriptedClient()
    await evaluateToolAccess('read', {}, { client })
    expect(client.requests[0]?.config).toBeUndefined()
  })

  test('are sent when given, also when all are defaults', async () => {
    const client = createScriptedClient()
    await evaluateToolAccess('read', {}, { client, config: { minTrustLevel: 2, policyVersion: 'v1' } })
    await evaluateToolAccess('read', {}, { client, config: {} })
    expect(client.requests[0]).toMatchObject({ config: { minTrustLevel: 2 }, policyVersion: 'v1' })
    expect(client.requests[1]?.config).toMatchObject({ minTrustLevel: 0, acceptLevelZero: false })
  })
})

test('a denial is an answer', async () => {
  const client = createScriptedClient(deny)
  expect(await evaluateToolAccess('read', {}, { client })).toMatchObject({
    outcome: 'DENY',
    code: 'TOOL_TRUST_INSUFFICIENT',
  })
})

test('the signal of the context and the given one both count', async () => {
  for (const which of ['ambient', 'given'] as const) {
    const controllers = { ambient: new AbortController(), given: new AbortController() }
    const call = withAbortSignal(controllers.ambient.signal, () =>
      evaluateToolAccess(
        'read',
        {},
        { client: createScriptedClient(hang), signal: controllers.given.signal, timeoutMs: 2_000 },
      ),
    )
    controllers[which].abort()
    await expect(call).rejects.toThrow(CallAbortedError)
  }
})

describe('wrong use is a TypeError and asks nothing', () => {
  test.each<[what: string, tool: unknown, params: unknown, options: unknown]>([
    ['an empty tool name', '', {}, {}],
    ['a tool name that is no text', 7, {}, {}],
    ['a tool name with a lone surrogate', '\ud800', {}, {}],
    ['arguments that are not JSON', 'read', { when: new Date() }, {}],
    [
      'a misspelt option, which would fall back to the credential of the context',
      'read',
      {},
      { credentials: { apiKey: 'k' } },
    ],
    ['both kinds of credential', 'read', {}, { credential: { badge: 'b', apiKey: 'k' } }],
    ['a misspelt demand', 'read', {}, { config: { minTrustlevel: 2 } }],
    ['level 5', 'read', {}, { config: { minTrustLevel: 5 } }],
    ['a timeout of nothing', 'read', {}, { timeoutMs: 0 }],
    ['a signal that is none', 'read', {}, { signal: { aborted: false } }],
  ])('%s', async (_what, tool, params, options) => {
    const client = createScriptedClient()
    const call = evaluateToolAccess(tool as string, params, { client, ...(options as EvaluateToolAccessOptions) })
    await expect(call).rejects.toThrow(TypeError)
    expect(client.requests).toHaveLength(0)
  })
})
