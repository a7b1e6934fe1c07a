import { type Command, InvalidArgumentError } from 'commander'
import type { InProcessCoreOptions } from '../in-process-core.ts'

/** What every guard in front of an MCP server is told. */
export interface McpGuardFlags extends Omit<InProcessCoreOptions, 'env'> {
  readonly did?: string
  readonly badge?: string
  readonly key?: string
  readonly grace: number
}

/** The flags that `mcp wrap` and `mcp proxy` share. */
export function mcpGuardOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file')
    .option('--profile <name>', 'connected-prod, air-gapped or dev')
    .option('--policy <file>', 'policy file')
    .option('--state-dir <dir>', 'home of keys, outside the evidence')
    .option('--evidence-log <dir>', 'write exactly this evidence log')
    .option('--trust-store <dir>', 'folder of pinned keys')
    .option('--log-level <level>', 'what to log')
    .option('--log-file <file>', 'log there instead of in the state folder')
    .option('--did <did>', 'who the server is: disclosed to clients')
    .option('--badge <file>', 'its badge, read anew for each client')
    .option('--key <file>', 'its private key, PEM or JWK, to prove possession with')
    .option('--grace <seconds>', 'when stopped: time for running calls to end', parseGrace, 8)
}

function parseGrace(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give whole seconds, such as 30.')
}
