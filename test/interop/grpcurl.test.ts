import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeBlocks } from './docs-page.ts'
import { goTools } from './go-tools.ts'
import { type InteropWorld, startInteropWorld } from './interop-world.ts'
import { obtained } from './prepared.ts'
import { runProgram } from './run-program.ts'

const USUAL_ADDRESS = '127.0.0.1:50051'

const tools = await obtained('grpcurl', goTools)

describe.skipIf(tools === undefined)('grpcurl', () => {
  let world: InteropWorld

  beforeAll(async () => {
    world = await startInteropWorld()
  })

  afterAll(() => world?.[Symbol.asyncDispose]())

  /** Runs lines of the page as a reader does, against the core of this test. */
  const shell = (lines: string): Promise<string> =>
    runProgram('bash', ['-euo', 'pipefail', '-c', lines.replaceAll(USUAL_ADDRESS, world.core.address)], {
      cwd: world.cwd,
      path: tools?.bin ?? '',
    })

  const blocks = codeBlocks('grpcurl.md', 'sh')

  it('lists and describes the services of the page, with no file at hand', async () => {
    const shown = await shell(blocks[0])
    for (const name of ['capiscio.core.v1.CoreService', 'capiscio.v1.MCPService']) expect(shown).toContain(name)
    expect(shown).toContain('message EvaluateToolAccessRequest {')
  })

  it('gets the decision of the page', async () => {
    const { decision } = JSON.parse(await shell(blocks[1] ?? '')) as { decision: Record<string, unknown> }
    expect(decision).toMatchObject({
      outcome: 'OUTCOME_ALLOW',
      principal: 'did:web:registry.capiscio.invalid:agents:example-agent',
      authLevel: 'AUTH_LEVEL_BADGE',
      trustLevel: 2,
    })
    expect(JSON.parse(codeBlocks('grpcurl.md', 'json')[0])).toMatchObject({
      decision: { outcome: decision.outcome, principal: decision.principal, trustLevel: decision.trustLevel },
    })
  })

  it('reads the record out of the decision', async () => {
    const record = JSON.parse(await shell(blocks[2] ?? '')) as Record<string, unknown>
    expect(record).toMatchObject({ 'capiscio.decision': 'ALLOW', 'capiscio.target': 'read_rows' })
  })

  it('calls the old package', async () => {
    expect(JSON.parse(await shell(blocks[3] ?? ''))).toMatchObject({ healthy: true, versionCompatible: true })
  })

  it('asks the standard health service', async () => {
    expect(JSON.parse(await shell(blocks[4] ?? ''))).toEqual({ status: 'SERVING' })
  })

  it('shows status and fields of what cannot be answered', async () => {
    const refused = await shell(
      `grpcurl -plaintext ${USUAL_ADDRESS} capiscio.core.v1.CoreService/EvaluateToolAccess`,
    ).catch(String)
    expect(refused).toContain('Code: InvalidArgument')
    expect(refused).toContain('tool_name')
  })
})
