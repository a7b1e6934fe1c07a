import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DescMethodUnary, MessageInitShape } from '@bufbuild/protobuf'
import { AdminService, CoreService, type GuardConfigSchema } from '@capiscio/proto/core/v1'
import { BadRequestSchema } from '@capiscio/proto/google/rpc'
import { MCPService, SimpleGuardService } from '@capiscio/proto/v1'
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CASES, EXPECTED_OLD_HEALTH, expectedCases, type InteropCase } from './expected-report.ts'
import { type InteropWorld, startInteropWorld } from './interop-world.ts'

let world: InteropWorld

beforeAll(async () => {
  world = await startInteropWorld()
})

afterAll(() => world?.[Symbol.asyncDispose]())

function credentialOf({ badge, apiKey }: InteropCase) {
  const read = (...path: string[]): string => readFileSync(join(world.core.folder, ...path), 'utf8').trim()
  if (badge !== undefined) return { case: 'badgeJws' as const, value: read('badges', `${badge}.jwt`) }
  if (apiKey !== undefined) return { case: 'apiKey' as const, value: read(apiKey) }
  return { case: undefined }
}

const isRecorded = (leaf: string, id: string, tool: string): boolean => {
  const record = JSON.parse(leaf) as Record<string, unknown>
  return record['id'] === id && record['capiscio.target'] === tool
}

const thrownBy = async (call: Promise<unknown>): Promise<ConnectError> => ConnectError.from(await call.catch((e) => e))

describe.each([
  ['Connect with JSON', (baseUrl: string) => createConnectTransport({ baseUrl, useBinaryFormat: false })],
  ['Connect with binary messages', (baseUrl: string) => createConnectTransport({ baseUrl, useBinaryFormat: true })],
  ['gRPC-Web', (baseUrl: string) => createGrpcWebTransport({ baseUrl })],
])('connect-web over HTTP/1.1: %s', (_, createTransport) => {
  const clientOf = <S extends typeof CoreService>(service: S) => createClient(service, createTransport(world.core.http))

  it('gets every decision from both packages, with its record', async () => {
    const core = clientOf(CoreService)
    const old = createClient(MCPService, createTransport(world.core.http))
    const seen: Record<string, unknown> = {}
    for (const question of CASES) {
      const { name, tool, config = undefined } = question
      const demands = config as MessageInitShape<typeof GuardConfigSchema> | undefined
      const credential = credentialOf(question)
      const request = { toolName: tool, credential, ...(demands && { config: demands }) }
      const { decision } = await core.evaluateToolAccess(request)
      if (decision === undefined) throw new Error('An answer without a decision')
      const { credential: callerCredential, ...same } = request
      const answer = await old.evaluateToolAccess({ ...same, callerCredential } as never)
      seen[name] = {
        core: {
          outcome: decision.outcome,
          reason: decision.reason,
          code: decision.code,
          authLevel: decision.authLevel,
          trustLevel: decision.trustLevel ?? null,
          principal: decision.principal,
          recorded: isRecorded(new TextDecoder().decode(decision.leaf), decision.evidenceId, tool),
        },
        old: {
          outcome: answer.decision,
          reason: answer.denyReason,
          code: answer.errorCode,
          authLevel: answer.authLevel,
          trustLevel: answer.trustLevel,
          principal: answer.agentDid,
          recorded: isRecorded(answer.evidenceJson, answer.evidenceId, tool),
        },
      }
    }
    expect(seen).toEqual(expectedCases(world.agentDidKey))
  })

  it('is told by code and field path what cannot be answered', async () => {
    const core = clientOf(CoreService)
    const refused = await thrownBy(core.evaluateToolAccess({}))
    expect(refused.code).toBe(Code.InvalidArgument)
    const [details] = refused.findDetails(BadRequestSchema)
    expect(details?.fieldViolations.map(({ field }) => field)).toEqual(['tool_name'])
    const large = await thrownBy(core.evaluateToolAccess({ toolName: 'x'.repeat(5 * 1024 * 1024) }))
    expect(large.code).toBe(Code.ResourceExhausted)
  })

  it('is told by the old Health whether its version fits', async () => {
    const old = createClient(MCPService, createTransport(world.core.http))
    const { compatible, ...fixed } = EXPECTED_OLD_HEALTH
    for (const [clientVersion, versionCompatible] of Object.entries(compatible)) {
      expect(await old.health({ clientVersion })).toMatchObject({ ...fixed, versionCompatible })
    }
  })

  it.each([
    ['makes keys', SimpleGuardService.method.generateKeyPair],
    ['administers', AdminService.methods[0] as DescMethodUnary],
  ])('is told that what %s is not offered here', async (_kind, method) => {
    const refused = await thrownBy(createTransport(world.core.http).unary(method, undefined, 5_000, undefined, {}))
    expect(Code[refused.code]).toBe(Code[Code.Unimplemented])
  })

  it('needs no HTTP/2 and no client library', async () => {
    const answer = await fetch(`${world.core.http}/capiscio.core.v1.CoreService/EvaluateToolAccess`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"toolName":"list_files"}',
    })
    expect(await answer.json()).toMatchObject({
      decision: { outcome: 'OUTCOME_ALLOW', authLevel: 'AUTH_LEVEL_ANONYMOUS' },
    })
  })
})
