import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type {
  CallOptions,
  CoreClient,
  CredentialInput,
  currentDecision,
  evaluateToolAccess,
  GuardOptions,
  withAbortSignal,
  withCredential,
} from '../../sdk-node/src/index.ts'

type ReadArgs = { query: string; tables?: string[] }

/** The part of an SDK that every SDK has in the same form. */
export interface SdkUnderTest {
  guard<T>(options: GuardOptions<[ReadArgs]>, handler: (args: ReadArgs) => Promise<T>): (args: ReadArgs) => Promise<T>
  readonly evaluateToolAccess: typeof evaluateToolAccess
  readonly withCredential: typeof withCredential
  readonly withAbortSignal: typeof withAbortSignal
  readonly currentDecision: typeof currentDecision
  computeParamsHash(params: unknown): string | Promise<string>
}

/** One SDK, connected to a core that allows one caller and denies another. */
export interface SdkSetup extends AsyncDisposable {
  readonly sdk: SdkUnderTest
  /** A core that decides. */
  readonly client: CoreClient
  /** A client of a core that is not there. */
  readonly unreachable: CoreClient
  /** A call that the core allows. */
  readonly allowed: {
    readonly tool: string
    readonly credential: CredentialInput | undefined
    readonly principal?: string
  }
  /** A call that the core denies. */
  readonly denied: {
    readonly tool: string
    readonly credential: CredentialInput | undefined
    readonly code: string
    readonly reason: string
    /** A text that must appear in no error. */
    readonly secret: string
  }
}

/** What every SDK promises, over every transport, with every core. */
export function describeSdkBehaviour(name: string, start: () => Promise<SdkSetup>): void {
  describe(name, () => {
    let setup: SdkSetup

    beforeAll(async () => {
      setup = await start()
    })

    afterAll(async () => {
      await setup[Symbol.asyncDispose]()
    })

    function guardedTool(
      tool: string,
      client: CoreClient = setup.client,
    ): { call: (args: ReadArgs) => Promise<string>; runs: ReadArgs[] } {
      const runs: ReadArgs[] = []
      const call = setup.sdk.guard({ tool, client }, async (args) => {
        await Promise.resolve()
        runs.push(structuredClone(args))
        return `${args.query} under ${setup.sdk.currentDecision()?.evidenceId}`
      })
      return { call, runs }
    }

    const errorOf = (call: Promise<unknown>): Promise<Error & Record<string, unknown>> =>
      call.then(
        () => expect.unreachable('the call must be rejected'),
        (error) => error,
      )

    describe('an allowed call', () => {
      test('runs the handler once, with its arguments and its decision', async () => {
        const { call, runs } = guardedTool(setup.allowed.tool)
        const result = await setup.sdk.withCredential(setup.allowed.credential, () => call({ query: 'select 1' }))
        expect(result).toMatch(/^select 1 under [0-9a-f-]{36}$/)
        expect(runs).toEqual([{ query: 'select 1' }])
        expect(setup.sdk.currentDecision()).toBeUndefined()
      })

      test('is recorded for this tool and these arguments', async () => {
        const access = await setup.sdk.evaluateToolAccess(
          setup.allowed.tool,
          { query: 'select 1' },
          { credential: setup.allowed.credential, client: setup.client },
        )
        expect(access.outcome).toBe('ALLOW')
        expect(access.principal).toBe(setup.allowed.principal)
        expect(JSON.parse(access.evidenceJson ?? '')).toMatchObject({
          'event.name': 'capiscio.tool_invocation',
          'capiscio.decision': 'ALLOW',
          'capiscio.target': setup.allowed.tool,
          'capiscio.tool.params_hash': await setup.sdk.computeParamsHash({ query: 'select 1' }),
          id: access.evidenceId,
        })
        expect(new TextDecoder().decode(access.leaf)).toBe(access.evidenceJson)
      })

      test('has a record of its own each time, also when many run at once', async () => {
        const { call, runs } = guardedTool(setup.allowed.tool)
        const queries = Array.from({ length: 100 }, (_, index) => `select ${index}`)
        const results = await setup.sdk.withCredential(setup.allowed.credential, () =>
          Promise.all(queries.map((query) => call({ query }))),
        )
        expect(results.map((result) => result.split(' under ')[0])).toEqual(queries)
        expect(new Set(results.map((result) => result.split(' under ')[1])).size).toBe(100)
        expect(runs).toHaveLength(100)
      })

      test('runs with what was decided, although the caller changes it meanwhile', async () => {
        const { call, runs } = guardedTool(setup.allowed.tool)
        const args = { query: 'select 1', tables: ['a'] }
        const running = setup.sdk.withCredential(setup.allowed.credential, () => call(args))
        args.query = 'drop table users'
        args.tables.push('b')
        await running
        expect(runs).toEqual([{ query: 'select 1', tables: ['a'] }])
      })
    })

    describe('a denied call', () => {
      test('does not run the handler, and names code and record', async () => {
        const { call, runs } = guardedTool(setup.denied.tool)
        const error = await errorOf(
          setup.sdk.withCredential(setup.denied.credential, () => call({ query: 'select 1' })),
        )
        expect(error).toMatchObject({ name: 'GuardError', code: setup.denied.code, reason: setup.denied.reason })
        expect(error.evidenceId).toMatch(/^[0-9a-f-]{36}$/)
        expect(error.message).toContain(setup.denied.code)
        expect(runs).toEqual([])
      })

      test('is an answer to those who ask themselves', async () => {
        const access = await setup.sdk.evaluateToolAccess(
          setup.denied.tool,
          {},
          { credential: setup.denied.credential, client: setup.client },
        )
        expect(access).toMatchObject({ outcome: 'DENY', code: setup.denied.code, reason: setup.denied.reason })
        expect(JSON.parse(access.evidenceJson ?? '')).toMatchObject({
          'capiscio.decision': 'DENY',
          'capiscio.deny_reason': setup.denied.code,
          id: access.evidenceId,
        })
      })

      test('does not print the credential', async () => {
        const { call } = guardedTool(setup.denied.tool)
        const error = await errorOf(setup.sdk.withCredential(setup.denied.credential, () => call({ query: 'x' })))
        expect(inspect(error, { depth: 9, showHidden: true, getters: true })).not.toContain(setup.denied.secret)
        expect(JSON.stringify(error)).not.toContain(setup.denied.secret)
      })

      test('stays denied beside an allowed one', async () => {
        const allowed = guardedTool(setup.allowed.tool)
        const denied = guardedTool(setup.denied.tool)
        const outcomes = await Promise.allSettled(
          Array.from({ length: 50 }, (_, index) => [
            setup.sdk.withCredential(setup.allowed.credential, () => allowed.call({ query: `${index}` })),
            setup.sdk.withCredential(setup.denied.credential, () => denied.call({ query: `${index}` })),
          ]).flat(),
        )
        expect(outcomes.map(({ status }) => status)).toEqual(Array(50).fill(['fulfilled', 'rejected']).flat())
        expect(denied.runs).toEqual([])
      })
    })

    describe('without a decision the handler does not run', () => {
      test('when no core is there, and the error says what to do', async () => {
        const { call, runs } = guardedTool(setup.allowed.tool, setup.unreachable)
        const error = await errorOf(setup.sdk.withCredential(setup.allowed.credential, () => call({ query: 'x' })))
        expect(error.code).toBe('CORE_UNREACHABLE')
        expect(error.message).toMatch(/start it|CAPISCIO_CORE_ADDR/i)
        expect(runs).toEqual([])
      })

      test('when the call was aborted before', async () => {
        const { call, runs } = guardedTool(setup.allowed.tool)
        const error = await errorOf(setup.sdk.withAbortSignal(AbortSignal.abort(), () => call({ query: 'x' })))
        expect(error).toMatchObject({ name: 'AbortError', code: 'CALL_ABORTED' })
        expect(runs).toEqual([])
      })

      test('when the call is aborted meanwhile', async () => {
        const { call, runs } = guardedTool(setup.allowed.tool)
        const controller = new AbortController()
        const running = setup.sdk.withCredential(setup.allowed.credential, () =>
          setup.sdk.withAbortSignal(controller.signal, () => call({ query: 'x' })),
        )
        controller.abort()
        expect(await errorOf(running)).toMatchObject({ name: 'AbortError', code: 'CALL_ABORTED' })
        expect(runs).toEqual([])
      })

      test('when the client does not answer in time', async () => {
        const silent: CoreClient = {
          evaluateToolAccess: (_request: unknown, _options?: CallOptions) => new Promise(() => {}),
          filterTools: () => new Promise(() => {}),
          verifyServer: () => new Promise(() => {}),
          getServerInfo: () => new Promise(() => {}),
          [Symbol.asyncDispose]: async () => {},
        }
        const runs: unknown[] = []
        const call = setup.sdk.guard({ tool: 'x', client: silent, timeoutMs: 20 }, async (args) => runs.push(args))
        expect((await errorOf(call({ query: 'x' }))).code).toBe('CORE_TIMEOUT')
        expect(runs).toEqual([])
      })

      test('when an argument is not JSON', async () => {
        const { call, runs } = guardedTool(setup.allowed.tool)
        const error = await errorOf(call({ query: new Date() as unknown as string }))
        expect(error).toBeInstanceOf(TypeError)
        expect(runs).toEqual([])
      })
    })

    describe('wrong use is a TypeError at once', () => {
      test('for a badge and an API key together', () => {
        expect(() => setup.sdk.withCredential({ badge: 'b', apiKey: 'k' } as never, () => {})).toThrow(TypeError)
      })

      test('for a tool without a name, and for an option that does not exist', () => {
        expect(() => setup.sdk.guard({ tool: '' }, async () => 1)).toThrow(TypeError)
        expect(() => setup.sdk.guard({ tool: 'x', minTrustlevel: 2 } as never, async () => 1)).toThrow(TypeError)
        expect(() => setup.sdk.guard({ tool: 'x', minTrustLevel: 5 as never }, async () => 1)).toThrow(TypeError)
      })
    })
  })
}
