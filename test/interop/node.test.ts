import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeBlocks } from './docs-page.ts'
import { CASES, EXPECTED_OLD_HEALTH, EXPECTED_REFUSALS, expectedCases, type InteropCase } from './expected-report.ts'
import { type InteropWorld, startInteropWorld } from './interop-world.ts'
import { createLoadedClient, type LoadedClient } from './loaded-client.ts'
import { runProgram } from './run-program.ts'

let world: InteropWorld
let core: LoadedClient
let old: LoadedClient

beforeAll(async () => {
  world = await startInteropWorld()
  core = createLoadedClient('capiscio/core/v1/core_service.proto', 'capiscio.core.v1.CoreService', world.core.address)
  old = createLoadedClient('capiscio/v1/mcp.proto', 'capiscio.v1.MCPService', world.core.address)
})

afterAll(async () => {
  core?.[Symbol.dispose]()
  old?.[Symbol.dispose]()
  await world?.[Symbol.asyncDispose]()
})

function requestOf({ tool, badge, apiKey, config }: InteropCase): object {
  const read = (...path: string[]): string => readFileSync(join(world.core.folder, ...path), 'utf8').trim()
  return {
    toolName: tool,
    ...(badge !== undefined && { badgeJws: read('badges', `${badge}.jwt`) }),
    ...(apiKey !== undefined && { apiKey: read(apiKey) }),
    ...(config && { config }),
  }
}

const isRecorded = (leaf: Uint8Array | string, id: unknown, tool: string): boolean => {
  const record = JSON.parse(typeof leaf === 'string' ? leaf : new TextDecoder().decode(leaf)) as Record<string, unknown>
  return record['id'] === id && record['capiscio.target'] === tool
}

describe('a plain grpc-js client that reads our .proto files as they are', () => {
  it('gets every decision from both packages, with its record', async () => {
    const seen: Record<string, unknown> = {}
    for (const question of CASES) {
      const request = requestOf(question)
      const { decision } = (await core.call('EvaluateToolAccess', request)) as { decision: Record<string, unknown> }
      const answer = (await old.call('EvaluateToolAccess', request)) as Record<string, unknown>
      seen[question.name] = {
        core: {
          outcome: decision.outcome,
          reason: decision.reason,
          code: decision.code,
          authLevel: decision.authLevel,
          // proto-loader leaves an absent optional field undefined.
          trustLevel: decision.trustLevel ?? null,
          principal: decision.principal,
          recorded: isRecorded(decision.leaf as Uint8Array, decision.evidenceId, question.tool),
        },
        old: {
          outcome: answer.decision,
          reason: answer.denyReason,
          code: answer.errorCode,
          authLevel: answer.authLevel,
          trustLevel: answer.trustLevel,
          principal: answer.agentDid,
          recorded: isRecorded(answer.evidenceJson as string, answer.evidenceId, question.tool),
        },
      }
    }
    expect(seen).toEqual(expectedCases(world.agentDidKey))
  })

  it('is told by status what cannot be answered', async () => {
    const code = (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => 0,
        (error: { code: number }) => error.code,
      )
    expect(await code(core.call('EvaluateToolAccess', {}))).toBe(EXPECTED_REFUSALS.noTool.status)
    expect(await code(old.call('EvaluateToolAccess', {}))).toBe(EXPECTED_REFUSALS.noToolOld.status)
    const large = core.call('EvaluateToolAccess', { toolName: 'x'.repeat(5 * 1024 * 1024) })
    expect(await code(large)).toBe(EXPECTED_REFUSALS.tooLarge.status)
    // The connection serves on after the refusals.
    expect(await code(core.call('EvaluateToolAccess', { toolName: 'list_files' }))).toBe(0)
  })

  it('is told by the old Health whether its version fits', async () => {
    const { compatible, ...fixed } = EXPECTED_OLD_HEALTH
    for (const [clientVersion, versionCompatible] of Object.entries(compatible)) {
      expect(await old.call('Health', { clientVersion })).toMatchObject({ ...fixed, versionCompatible })
    }
  })
})

describe('the page for Node', () => {
  it.each([
    ['grpc-js', 0],
    ['Connect over HTTP/1.1', 1],
  ])('has an example with %s that runs', async (_, index) => {
    const script = join(world.cwd, `example-${index}.mjs`)
    await writeFile(script, codeBlocks('node.md', 'js')[index] ?? '')
    const shown = await runProgram(process.execPath, [script], {
      cwd: world.cwd,
      env: { CAPISCIO_CORE_ADDR: world.core.address, CAPISCIO_CORE_URL: world.core.http },
    })
    expect(shown).toBe(codeBlocks('node.md', 'text')[0])
  })
})
