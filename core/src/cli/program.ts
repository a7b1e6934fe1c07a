import { Command, CommanderError } from 'commander'
import { AdminTokenRefused } from '../adapters/access/admin-token.ts'
import { LogDirectoryRefused } from '../adapters/evidence/log-directory-refused.ts'
import { FileRefused } from '../adapters/files/file-refused.ts'
import { RegistryStoreRefused } from '../adapters/registry/registry-store-refused.ts'
import { ConfigRefused } from '../config/config-refused.ts'
import { EvidenceRefused } from '../domain/evidence/evidence-errors.ts'
import { RegistryRefused } from '../domain/registry/registry-refused.ts'
import { KeyStoreRefused } from '../ports/key-store.ts'
import { StartRefused } from '../start-refused.ts'
import { AddressRefused } from '../transport/address-refused.ts'
import { CORE_VERSION } from '../version.ts'
import { addApiKeyCommand } from './apikey.ts'
import { addBadgeCommand } from './badge.ts'
import { addConfigCommand } from './config-check.ts'
import { addDevCommand } from './dev.ts'
import { addEvidenceCommand } from './evidence/evidence.ts'
import { addInitCommand } from './init.ts'
import { addKeyCommand } from './key.ts'
import { addKeyStoreCommands } from './key-store.ts'
import { addMcpProxyCommand } from './mcp-proxy.ts'
import { addMcpWrapCommand } from './mcp-wrap.ts'
import { addReloadCommand, addRevokeCommand } from './operate.ts'
import { endWithReader } from './output-reader.ts'
import { addPolicyCommand } from './policy.ts'
import type { CliIo } from './print.ts'
import { addRegistryCommand } from './registry.ts'
import { addRpcCommand, addServeCommand } from './serve.ts'
import { addStatusCommand } from './status.ts'
import { addTrustCommand } from './trust.ts'

/** What a command ends with. */
export const EXIT = {
  ok: 0,
  /** Refused, denied, not ready, not reachable. */
  failure: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** Stored evidence is not what was written; a person must decide. */
  evidence: 3,
} as const

/** Runs the command line `argv` in this process and sets its exit code. */
export async function run(argv: readonly string[]): Promise<void> {
  endWithReader()
  const io: CliIo = {
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    stdoutIsTty: process.stdout.isTTY === true,
    stderrIsTty: process.stderr.isTTY === true,
    stdin: process.stdin,
    env: process.env,
    setExitCode: (code) => {
      process.exitCode = code
    },
  }
  await runProgram(createProgram(io), argv, io)
}

/** The command `capiscio` with all its subcommands. */
export function createProgram(io: CliIo): Command {
  const program = new Command('capiscio')
    .description('Decides MCP tool calls, verifies MCP servers, keeps tamper-evident evidence.')
    .version(CORE_VERSION, '--version', 'print the version')
    .helpOption('--help', 'print help')
    .showHelpAfterError('Use --help to see what there is.')
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr })
  addDevCommand(program, io)
  addServeCommand(program, io)
  addRpcCommand(program, io)
  addStatusCommand(program, io)
  addConfigCommand(program, io)
  addPolicyCommand(program, io)
  addRevokeCommand(program, io)
  addReloadCommand(program, io)
  addApiKeyCommand(program, io)
  addTrustCommand(program, io)
  addKeyCommand(program, io)
  addBadgeCommand(program, io)
  addInitCommand(program, io)
  addKeyStoreCommands(program, io)
  addEvidenceCommand(program, io)
  addRegistryCommand(program, io)
  const mcp = program.command('mcp').description('guard MCP servers that cannot be changed; older names of commands')
  addMcpWrapCommand(mcp, io)
  addMcpProxyCommand(mcp, io)
  addServeCommand(mcp, io)
  return program
}

/** Runs one command; what it refuses becomes lines for people and an exit code. */
export async function runProgram(program: Command, argv: readonly string[], io: CliIo): Promise<void> {
  try {
    await program.parseAsync(argv)
  } catch (error) {
    if (error instanceof CommanderError) {
      io.setExitCode(error.exitCode === 0 ? EXIT.ok : EXIT.usage)
    } else if (error instanceof EvidenceRefused) {
      io.stderr(`capiscio: ${error.code}: ${error.message}\n`)
      io.setExitCode(EXIT.evidence)
    } else if (isRefusal(error)) {
      io.stderr(`${error.message.replace(/^/gm, 'capiscio: ')}\n`)
      io.setExitCode(EXIT.failure)
    } else if (isFileError(error)) {
      io.stderr(
        `capiscio: ${error.path} cannot be used: ${error.message}. Look at who may use it, or name another one.\n`,
      )
      io.setExitCode(EXIT.failure)
    } else {
      io.stderr(`capiscio: unexpected fault: ${error instanceof Error ? error.stack : String(error)}\n`)
      io.setExitCode(EXIT.failure)
    }
  }
}

/** Errors whose message is all that a person needs. */
function isRefusal(error: unknown): error is Error {
  const refusals = [
    ConfigRefused,
    StartRefused,
    LogDirectoryRefused,
    AddressRefused,
    FileRefused,
    KeyStoreRefused,
    RegistryStoreRefused,
    RegistryRefused,
    AdminTokenRefused,
  ]
  return refusals.some((refusal) => error instanceof refusal)
}

/** What the system said of a file or folder: who may use it and how full the disk is are no faults of ours. */
function isFileError(error: unknown): error is NodeJS.ErrnoException & { readonly path: string } {
  const { syscall, path } = error instanceof Error ? (error as NodeJS.ErrnoException) : {}
  return syscall !== undefined && path !== undefined && !syscall.startsWith('spawn')
}
