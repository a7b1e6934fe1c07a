import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, fromBinary } from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import {
  AdminService,
  AuthLevel,
  CoreService,
  DenyReason,
  EvidenceService,
  GuardConfigSchema,
  Outcome,
} from '@capiscio/proto/core/v1'
import { BadRequestSchema, StatusSchema } from '@capiscio/proto/google/rpc'
import { type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'
import { createRawClient, type RawClient } from '../tools/raw-client.ts'

const evaluate = CoreService.method.evaluateToolAccess
const EVALUATE_PATH = '/capiscio.core.v1.CoreService/EvaluateToolAccess'
/** A field of GuardConfig that does not exist yet, as the wire brings it. */
const NEW_DEMAND = { no: 99, wireType: 0, data: Uint8Array.of(1) }

let core: CoreProcess
let client: RawClient

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-service-')))
  client = createRawClient(core.address)
})

afterAll(async () => {
  client[Symbol.dispose]()
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

async function ask(request: Parameters<typeof client.call<typeof evaluate>>[1]) {
  const { decision } = await client.call(evaluate, request)
  if (decision === undefined) throw new Error('An answer without a decision')
  return decision
}

const badge = async (name: string) => ({
  case: 'badgeJws' as const,
  value: await devCredential(core.folder, 'badges', `${name}.jwt`),
})

/** The record behind a decision, after checking that it tells the same story. */
function recordOf(decision: Awaited<ReturnType<typeof ask>>): Record<string, unknown> {
  const record = JSON.parse(Buffer.from(decision.leaf).toString()) as Record<string, unknown>
  expect(record['id']).toBe(decision.evidenceId)
  expect(record['capiscio.decision']).toBe(decision.outcome === Outcome.ALLOW ? 'ALLOW' : 'DENY')
  expect(record['capiscio.deny_reason'] ?? '').toBe(decision.code)
  expect(record['capiscio.policy_version']).toBe(decision.policyVersion)
  expect(record['capiscio.agent.did']).toBe(decision.principal)
  return record
}

describe('a caller asks to run a tool', () => {
  it.each([
    ['list_files', 'level-0', Outcome.ALLOW, DenyReason.UNSPECIFIED, ''],
    ['read_rows', 'level-1', Outcome.DENY, DenyReason.TRUST_INSUFFICIENT, 'TOOL_TRUST_INSUFFICIENT'],
    ['read_rows', 'level-2', Outcome.ALLOW, DenyReason.UNSPECIFIED, ''],
    ['write_rows', 'level-2', Outcome.DENY, DenyReason.TRUST_INSUFFICIENT, 'TOOL_TRUST_INSUFFICIENT'],
    ['write_rows', 'level-3', Outcome.ALLOW, DenyReason.UNSPECIFIED, ''],
    ['drop_table', 'level-4', Outcome.DENY, DenyReason.POLICY_DENIED, 'TOOL_POLICY_DENIED'],
    ['list_files', 'expired', Outcome.DENY, DenyReason.BADGE_EXPIRED, 'TOOL_BADGE_INVALID'],
  ])('%s with badge %s', async (toolName, name, outcome, reason, code) => {
    const decision = await ask({ toolName, credential: await badge(name) })
    expect(decision).toMatchObject({ outcome, reason, code, authLevel: AuthLevel.BADGE })
    expect(recordOf(decision)).toMatchObject({ 'capiscio.auth.level': 'badge', 'capiscio.target': toolName })
  })

  it('reports principal, jti, level and assurance of a verified badge', async () => {
    const decision = await ask({ toolName: 'read_rows', credential: await badge('level-2') })
    expect(decision).toMatchObject({
      principal: 'did:web:registry.capiscio.invalid:agents:example-agent',
      badgeJti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      trustLevel: 2,
      ial: 0,
    })
    expect(recordOf(decision)).toMatchObject({ 'capiscio.badge.jti': decision.badgeJti, trust_level: 2 })
  })

  it('lets anonymous callers run what demands nothing, and nothing else', async () => {
    const allowed = await ask({ toolName: 'list_files' })
    expect(allowed).toMatchObject({ outcome: Outcome.ALLOW, authLevel: AuthLevel.ANONYMOUS, principal: '' })
    expect(allowed.trustLevel).toBeUndefined()
    expect(await ask({ toolName: 'read_rows' })).toMatchObject({
      outcome: Outcome.DENY,
      reason: DenyReason.BADGE_MISSING,
      code: 'TOOL_AUTH_MISSING',
    })
  })

  it('knows its API keys by name and denies all others', async () => {
    const key = await devCredential(core.folder, 'api-key')
    const known = await ask({ toolName: 'list_files', credential: { case: 'apiKey', value: key } })
    expect(known).toMatchObject({ outcome: Outcome.ALLOW, principal: 'apikey:dev', authLevel: AuthLevel.API_KEY })
    for (const value of [`${key}x`, key.toUpperCase(), '', 'dev']) {
      const unknown = await ask({ toolName: 'list_files', credential: { case: 'apiKey', value } })
      expect(unknown).toMatchObject({ outcome: Outcome.DENY, reason: DenyReason.API_KEY_UNKNOWN, principal: '' })
      recordOf(unknown)
    }
  })

  it('gives an API key no trust level and no badge', async () => {
    const credential = { case: 'apiKey' as const, value: await devCredential(core.folder, 'api-key') }
    expect(await ask({ toolName: 'read_rows', credential })).toMatchObject({ reason: DenyReason.TRUST_INSUFFICIENT })
    expect(await ask({ toolName: 'write_rows', credential })).toMatchObject({ reason: DenyReason.BADGE_MISSING })
  })

  it('denies what only looks like a badge, each with its exact reason and a record', async () => {
    const { value: genuine } = await badge('level-2')
    const [header = '', payload = '', signature = ''] = genuine.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const cases: [token: string, reason: DenyReason][] = [
      ['', DenyReason.BADGE_MALFORMED],
      ['not a badge', DenyReason.BADGE_MALFORMED],
      [`${header}.${payload}`, DenyReason.BADGE_MALFORMED],
      [`${header}.${payload}.${signature}.`, DenyReason.BADGE_MALFORMED],
      [`${encode({ alg: 'none', typ: 'JWT' })}.${payload}.${signature}`, DenyReason.BADGE_MALFORMED],
      [`${encode({ alg: 'HS256', typ: 'JWT' })}.${payload}.${signature}`, DenyReason.BADGE_MALFORMED],
      [`${encode({ alg: 'EdDSA', typ: 'pop+jws' })}.${payload}.${signature}`, DenyReason.BADGE_MALFORMED],
      [
        `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
        DenyReason.BADGE_SIGNATURE_INVALID,
      ],
      [`${header}.${encode({ ...claims, iss: 'https://stranger.example' })}.${signature}`, DenyReason.ISSUER_UNTRUSTED],
      [`${header}.${encode({ ...claims, aud: 'https://a.example' })}.${signature}`, DenyReason.BADGE_CLAIMS_INVALID],
      ['A'.repeat(20_000), DenyReason.BADGE_MALFORMED],
    ]
    for (const [value, reason] of cases) {
      const decision = await ask({ toolName: 'list_files', credential: { case: 'badgeJws', value } })
      expect([decision.outcome, decision.reason]).toEqual([Outcome.DENY, reason])
      expect(decision.principal).toBe('')
      expect(decision.trustLevel).toBeUndefined()
      recordOf(decision)
    }
  })
})

describe("the MCP server's own demands", () => {
  it('raise the trust level that the policy asks for', async () => {
    const credential = await badge('level-2')
    expect(await ask({ toolName: 'list_files', credential, config: { minTrustLevel: 2 } })).toMatchObject({
      outcome: Outcome.ALLOW,
    })
    expect(await ask({ toolName: 'list_files', credential, config: { minTrustLevel: 3 } })).toMatchObject({
      reason: DenyReason.TRUST_INSUFFICIENT,
    })
  })

  it('never lower it', async () => {
    const decision = await ask({
      toolName: 'read_rows',
      credential: await badge('level-1'),
      config: { minTrustLevel: 0 },
    })
    expect(decision.reason).toBe(DenyReason.TRUST_INSUFFICIENT)
  })

  it('can demand identity assurance', async () => {
    const decision = await ask({ toolName: 'list_files', credential: await badge('level-4'), config: { minIal: 1 } })
    expect(decision.reason).toBe(DenyReason.IAL_INSUFFICIENT)
  })

  it('can demand a badge', async () => {
    expect(await ask({ toolName: 'list_files', config: { requireBadge: true } })).toMatchObject({
      reason: DenyReason.BADGE_MISSING,
    })
    const apiKey = { case: 'apiKey' as const, value: await devCredential(core.folder, 'api-key') }
    expect(await ask({ toolName: 'list_files', credential: apiKey, config: { requireBadge: true } })).toMatchObject({
      reason: DenyReason.BADGE_MISSING,
    })
    expect(
      await ask({ toolName: 'list_files', credential: await badge('level-1'), config: { requireBadge: true } }),
    ).toMatchObject({
      outcome: Outcome.ALLOW,
    })
  })

  it('can list the tools', async () => {
    const credential = await badge('level-2')
    const config = { allowedTools: ['read_*', 'fs/read'] }
    expect(await ask({ toolName: 'read_rows', credential, config })).toMatchObject({ outcome: Outcome.ALLOW })
    expect(await ask({ toolName: 'fs/read', credential, config })).toMatchObject({ outcome: Outcome.ALLOW })
    expect(await ask({ toolName: 'list_files', credential, config })).toMatchObject({
      reason: DenyReason.TOOL_NOT_ALLOWED,
    })
    expect(await ask({ toolName: 'read_a/b', credential, config })).toMatchObject({
      reason: DenyReason.TOOL_NOT_ALLOWED,
    })
  })

  it('narrow the trusted issuers and never add one', async () => {
    const credential = await badge('level-2')
    for (const issuer of ['https://registry.capiscio.invalid', 'did:web:registry.capiscio.invalid']) {
      expect(await ask({ toolName: 'list_files', credential, config: { trustedIssuers: [issuer] } })).toMatchObject({
        outcome: Outcome.ALLOW,
      })
    }
    expect(
      await ask({ toolName: 'list_files', credential, config: { trustedIssuers: ['https://other.example'] } }),
    ).toMatchObject({
      reason: DenyReason.ISSUER_UNTRUSTED,
    })
  })

  it('must agree to level 0, where they are given at all', async () => {
    const credential = await badge('level-0')
    expect(await ask({ toolName: 'list_files', credential })).toMatchObject({ outcome: Outcome.ALLOW, trustLevel: 0 })
    expect(await ask({ toolName: 'list_files', credential, config: {} })).toMatchObject({
      reason: DenyReason.ISSUER_UNTRUSTED,
    })
    expect(await ask({ toolName: 'list_files', credential, config: { acceptLevelZero: true } })).toMatchObject({
      outcome: Outcome.ALLOW,
    })
    const { principal } = await ask({ toolName: 'list_files', credential })
    expect(await ask({ toolName: 'list_files', credential, config: { trustedIssuers: [principal] } })).toMatchObject({
      outcome: Outcome.ALLOW,
    })
  })
})

describe('a malformed request', () => {
  async function refused(request: Parameters<typeof client.call<typeof evaluate>>[1]): Promise<string[]> {
    const error = await client.call(evaluate, request).then(
      () => undefined,
      (thrown: ServiceError) => thrown,
    )
    if (error === undefined) throw new Error('The request was answered')
    expect(error.code).toBe(status.INVALID_ARGUMENT)
    const [details] = error.metadata.get('grpc-status-details-bin')
    const rich = fromBinary(StatusSchema, details as Buffer)
    expect(rich.code).toBe(status.INVALID_ARGUMENT)
    const bad = rich.details.map((any) => anyUnpack(any, BadRequestSchema))[0]
    return bad?.fieldViolations.map(({ field }) => field) ?? []
  }

  it.each([
    ['an empty tool name', { toolName: '' }, ['tool_name']],
    ['a tool name of 1 MB', { toolName: 'a'.repeat(1024 * 1024) }, ['tool_name']],
    ['a tool name just over the limit', { toolName: 'é'.repeat(513) }, ['tool_name']],
    ['level 7', { toolName: 't', config: { minTrustLevel: 7 } }, ['config.min_trust_level']],
    ['assurance 2', { toolName: 't', config: { minIal: 2 } }, ['config.min_ial']],
    [
      'a malformed pattern',
      { toolName: 't', config: { allowedTools: ['ok_*', '[read_*'] } },
      ['config.allowed_tools[1]'],
    ],
    [
      'patterns that are too long together',
      { toolName: 't', config: { allowedTools: [...Array(63).fill('x'.repeat(1024)), 'é'.repeat(512), 'y'] } },
      ['config.allowed_tools'],
    ],
    ['too many patterns', { toolName: 't', config: { allowedTools: Array(1025).fill('x') } }, ['config.allowed_tools']],
    [
      'a demand of a newer client',
      { toolName: 't', config: Object.assign(create(GuardConfigSchema), { $unknown: [NEW_DEMAND] }) },
      ['config'],
    ],
    ['an unknown enforcement mode', { toolName: 't', enforcementMode: 99 as never }, ['enforcement_mode']],
    ['a hash of another shape', { toolName: 't', paramsHash: 'sha256:abc' }, ['params_hash']],
    ['a long origin', { toolName: 't', serverOrigin: 'x'.repeat(1025) }, ['server_origin']],
    [
      'several mistakes',
      { toolName: '', config: { minTrustLevel: 5, minIal: 9 } },
      ['tool_name', 'config.min_trust_level', 'config.min_ial'],
    ],
  ] as const)('with %s is refused with the path of every wrong field', async (_what, request, fields) => {
    expect(await refused(request as never)).toEqual(fields)
  })

  it('with as many and as long patterns as it may have is answered', async () => {
    const longest = [...Array(63).fill('x'.repeat(1024)), 'list_files']
    expect(await ask({ toolName: 'list_files', config: { allowedTools: longest } })).toMatchObject({
      outcome: Outcome.ALLOW,
    })
    const most = [...Array(1023).fill('x'.repeat(64)), 'list_*']
    expect(await ask({ toolName: 'list_files', config: { allowedTools: most } })).toMatchObject({
      outcome: Outcome.ALLOW,
    })
  })

  it('with more mistakes than an answer has room for names the first, and the connection goes on', async () => {
    const allowedTools = Array(1024).fill('x'.repeat(1025))
    const fields = await refused({ toolName: 't', config: { allowedTools } })
    expect(fields).toEqual(Array.from({ length: 16 }, (_, index) => `config.allowed_tools[${index}]`))
    await expect(client.call(evaluate, { toolName: 't', config: { allowedTools } })).rejects.toMatchObject({
      details: expect.stringContaining('; and 1008 more'),
    })
    expect(await ask({ toolName: 'list_files' })).toMatchObject({ outcome: Outcome.ALLOW })
  })

  it('is not recorded, and its near neighbour is', async () => {
    const before = await client.call(CoreService.method.getServerInfo, {})
    await refused({ toolName: '' })
    await refused({ toolName: 'a'.repeat(1025) })
    const between = await client.call(CoreService.method.getServerInfo, {})
    expect(between.evidenceLog?.size).toBe(before.evidenceLog?.size)
    expect(await ask({ toolName: 'a'.repeat(1024) })).toMatchObject({ outcome: Outcome.ALLOW })
    const after = await client.call(CoreService.method.getServerInfo, {})
    expect(after.evidenceLog?.size).toBe((before.evidenceLog?.size ?? 0n) + 1n)
  })

  it('of bytes that are no message is refused with a sentence', async () => {
    await expect(client.callBytes(EVALUATE_PATH, Uint8Array.of(0xff, 0xff, 0xff))).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('EvaluateToolAccessRequest'),
    })
  })

  it('larger than the limit is refused, and the next one is answered', async () => {
    await expect(client.call(evaluate, { toolName: 'a'.repeat(5 * 1024 * 1024) })).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    })
    expect(await ask({ toolName: 'list_files' })).toMatchObject({ outcome: Outcome.ALLOW })
  })
})

describe('names that JavaScript knows', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    '%s is a tool like any other',
    async (toolName) => {
      const decision = await ask({ toolName })
      expect(decision.outcome).toBe(Outcome.ALLOW)
      expect(recordOf(decision)['capiscio.target']).toBe(toolName)
    },
  )
})

describe('text that could break a log line', () => {
  it.each(['a\nb', 'a\u0000b', 'a\u2028b', 'a\u001b[31mb', '"}{', '💥'])(
    '%j is recorded as it came',
    async (toolName) => {
      expect(recordOf(await ask({ toolName }))['capiscio.target']).toBe(toolName)
    },
  )
})

describe('FilterTools', () => {
  const { filterTools } = CoreService.method

  it('answers tool by tool, each with its own demands, and records nothing', async () => {
    const before = (await client.call(CoreService.method.getServerInfo, {})).evidenceLog?.size
    const badgeJws = await devCredential(core.folder, 'badges', 'level-2.jwt')
    const { allowed } = await client.call(filterTools, {
      credential: { case: 'badgeJws', value: badgeJws },
      tools: [
        { toolName: 'read_rows' },
        { toolName: 'read_rows', config: { minTrustLevel: 2 } },
        { toolName: 'read_rows', config: { minTrustLevel: 3 } },
        { toolName: 'read_rows', config: { allowedTools: ['write_*'] } },
      ],
    })
    expect(allowed).toEqual([true, true, false, false])
    expect(
      (await client.call(filterTools, { tools: [{ toolName: 'x', config: { minTrustLevel: 1 } }] })).allowed,
    ).toEqual([false])
    expect((await client.call(filterTools, {})).allowed).toEqual([])
    // Names that no call can carry.
    const nameless = { tools: [{ toolName: 'a' }, {}, { toolName: 'a'.repeat(1025) }, { toolName: 'b' }] }
    expect((await client.call(filterTools, nameless)).allowed).toEqual([true, false, false, true])
    expect((await client.call(CoreService.method.getServerInfo, {})).evidenceLog?.size).toBe(before)
  })

  it.each<[string, object]>([
    ['tools[0].config.min_trust_level', { tools: [{ toolName: 'a', config: { minTrustLevel: 5 } }] }],
    ['tools', { tools: Array.from({ length: 1025 }, () => ({ toolName: 'a' })) }],
  ])('refuses a listing whose %s is wrong', async (field, request) => {
    const fault = await client.call(filterTools, request).catch((thrown) => thrown)
    expect(fault).toMatchObject({ code: status.INVALID_ARGUMENT })
    expect(fault.details).toContain(`${field}: `)
  })
})

describe('the list of calls that GetServerInfo gives', () => {
  it('holds exactly those that do not answer UNIMPLEMENTED, which says where to look', async () => {
    const { implementedMethods } = await client.call(CoreService.method.getServerInfo, {})
    const methods = [CoreService, EvidenceService, AdminService]
      .flatMap((service) => service.methods)
      .filter(({ methodKind }) => methodKind === 'unary')
    expect(implementedMethods).toContain('/capiscio.core.v1.CoreService/EvaluateToolAccess')
    for (const { parent, name } of methods) {
      const path = `/${parent.typeName}/${name}`
      const fault = await client.callBytes(path, new Uint8Array()).then(
        () => undefined,
        (thrown) => thrown,
      )
      expect([path, fault?.code !== status.UNIMPLEMENTED]).toEqual([path, implementedMethods.includes(path)])
      if (!implementedMethods.includes(path)) expect(fault.details).toContain('GetServerInfo')
    }
  })
})

describe('GetServerInfo', () => {
  it('says what the core is, and nothing secret', async () => {
    const info = await client.call(CoreService.method.getServerInfo, {})
    expect(info).toMatchObject({
      coreVersion: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      protoVersion: '1.0',
      profile: 'dev',
      ready: true,
      notReadyReasons: [],
      acceptsLevelZero: true,
      trustedIssuers: [{ issuer: 'https://registry.capiscio.invalid', keySource: 'file', keys: 1 }],
      limits: {
        maxMessageBytes: 4 * 1024 * 1024,
        maxWaitingDecisions: 4096,
        maxToolNameBytes: 1024,
        maxBadgeBytes: 16384,
      },
    })
    expect(info.policyVersion).toMatch(/^sha256:[A-Za-z0-9_-]{43}$/)
    expect(info.evidenceLog).toMatchObject({
      writable: true,
      vkey: expect.stringContaining(info.evidenceLog?.origin ?? '?'),
    })
  })
})

describe('the HTTP endpoints', () => {
  it('tell alive, ready and the metrics', async () => {
    expect(await (await fetch(`${core.http}/healthz`)).text()).toBe('ok\n')
    const ready = await fetch(`${core.http}/readyz`)
    expect([ready.status, await ready.text()]).toEqual([200, 'ready\n'])
    const metrics = await (await fetch(`${core.http}/metrics`)).text()
    expect(metrics).toMatch(/^capiscio_decisions_total\{outcome="DENY",reason="BADGE_EXPIRED"\} [1-9]/m)
    expect(metrics).toMatch(/^capiscio_evidence_writable 1$/m)
  })

  it('answer nobody who names another host', async () => {
    const { request } = await import('node:http')
    const statusOf = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const { hostname, port } = new URL(core.http)
        request({ hostname, port, path: '/metrics', headers: { host } }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
          .on('error', reject)
          .end()
      })
    expect(await statusOf('evil.example')).toBe(403)
    expect(await statusOf('127.0.0.1.evil.example')).toBe(403)
    expect(await statusOf('localhost:1')).toBe(200)
  })
})
