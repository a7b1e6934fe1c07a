import type { Command } from 'commander'
import { checkConfigFiles } from '../config/check-config-files.ts'
import type { ConfigFlags } from '../config/config-flags.ts'
import { ConfigRefused } from '../config/config-refused.ts'
import { reportConfig } from '../config/config-report.ts'
import { type LoadedConfig, loadConfig } from '../config/load-config.ts'
import { type CliIo, printable, printJson, printRefusal, printTable } from './print.ts'
import { configOptions } from './serve.ts'

const EXAMPLE = `
Example:
  $ capiscio config check --config capiscio.yaml

Shows each value with its origin: default, FILE:LINE:COLUMN, a variable or a flag. Stronger
origins hide weaker ones in this order. Hashes of API keys are masked. Takes the flags of "capiscio
serve" and shows what serve would do with them, and reads the files that the configuration
names.
Exit codes: 0 valid, 1 refused, 2 wrong usage.
`

/** `capiscio config`: what a core would be configured as, and why. */
export function addConfigCommand(program: Command, io: CliIo): void {
  const config = program.command('config').description('check and show the configuration of a core')
  configOptions(config.command('check').description('show the decided configuration, or everything that is wrong'))
    .option('--listen <address>', 'gRPC on HOST:PORT or unix:/PATH (default: 127.0.0.1:50051)')
    .option('--rpc', 'show what "capiscio rpc" would do instead', false)
    .option('--json', 'print JSON', false)
    .addHelpText('after', EXAMPLE)
    .action(({ json, rpc, ...flags }: CheckFlags) => check(flags, rpc, json, io))
}

type CheckFlags = ConfigFlags & { readonly json: boolean; readonly rpc: boolean }

function check(flags: ConfigFlags, rpc: boolean, json: boolean, io: CliIo): void {
  let loaded: LoadedConfig
  try {
    loaded = loadConfig({ command: rpc ? 'rpc' : 'serve', flags, env: io.env })
    const problems = checkConfigFiles(loaded.config)
    if (problems.length > 0) throw new ConfigRefused(problems)
  } catch (refused) {
    if (!(refused instanceof ConfigRefused)) throw refused
    printRefusal(io, json, refused.problems)
    return
  }
  const rows = reportConfig(loaded)
  const { configFile, warnings } = loaded
  if (json) {
    printJson(io, { valid: true, configFile: configFile ?? null, values: rows, warnings })
    return
  }
  printTable(
    io,
    rows.map(({ path, value, origin }) => [path, typeof value === 'string' ? value : JSON.stringify(value), origin]),
  )
  for (const { source, message } of warnings) io.stderr(`warning: ${printable(source)}: ${printable(message)}\n`)
}
