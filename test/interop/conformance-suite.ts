import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Status of each check (`SUCCESS`, `FAILURE`, `WARNING`, `SKIPPED`, `INFO`), by `scenario/check`. */
export type ConformanceReport = Readonly<Record<string, string>>

interface Check {
  readonly id: string
  readonly status: string
}

const TIME_LIMIT_MS = 120_000

/** Runs the server part of the MCP conformance suite. That checks fail is a result; that the suite does not run rejects. */
export async function runConformance(
  nodeModules: string,
  url: string,
  selection: readonly string[],
): Promise<ConformanceReport> {
  const program = join(nodeModules, '@modelcontextprotocol', 'conformance', 'dist', 'index.js')
  const output = await mkdtemp(join(tmpdir(), 'capiscio-conformance-'))
  try {
    await run([program, 'server', '--url', url, ...selection, '--output-dir', output])
    const report: Record<string, string> = {}
    for (const folder of (await readdir(output)).sort()) {
      const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(folder)?.[1]
      if (scenario === undefined) throw new Error(`The suite left something else than a scenario: ${folder}`)
      const checks = JSON.parse(await readFile(join(output, folder, 'checks.json'), 'utf8')) as Check[]
      for (const { id, status } of checks) {
        // A check can be made more than once in a scenario.
        let name = `${scenario}/${id}`
        while (name in report) name += '+'
        report[name] = status
      }
    }
    return report
  } finally {
    await rm(output, { recursive: true, force: true })
  }
}

/** The suite exits with 1 when a check failed, and when it came to none. */
function run(args: readonly string[]): Promise<void> {
  const options = { timeout: TIME_LIMIT_MS, maxBuffer: 64 * 2 ** 20 }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (stdout.includes('\n=== SUMMARY ===\n')) resolve()
      else reject(new Error(`The conformance suite did not come to its end.\n${stdout}\n${stderr}`, { cause: error }))
    })
  })
}

/** The scenarios that have checks, all of which succeeded. */
export function passedScenarios(report: ConformanceReport): string[] {
  const scenarioOf = (check: string): string => check.slice(0, check.indexOf('/'))
  const failed = new Set(
    Object.entries(report).flatMap(([check, status]) => (status === 'FAILURE' ? [scenarioOf(check)] : [])),
  )
  const succeeded = Object.entries(report).flatMap(([check, status]) =>
    status === 'SUCCESS' ? [scenarioOf(check)] : [],
  )
  return [...new Set(succeeded)].filter((scenario) => !failed.has(scenario)).sort()
}
