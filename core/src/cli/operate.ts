import { join } from 'node:path'
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import {
  ReloadRequestSchema,
  ReloadResponseSchema,
  RevokeLocallyRequestSchema,
  RevokeLocallyResponseSchema,
} from '@capiscio/proto/core/v1'
import { status } from '@grpc/grpc-js'
import { type Command, InvalidArgumentError } from 'commander'
import { readAdminToken } from '../adapters/access/admin-token.ts'
import { loadConfig } from '../config/load-config.ts'
import { BadgeRefused } from '../domain/badge/badge-refused.ts'
import { parseJti } from '../domain/badge/claim-values.ts'
import { parseDid } from '../domain/did/did.ts'
import { parseDidKey } from '../domain/did/did-key.ts'
import { DidRefused } from '../domain/did/did-refused.ts'
import { parseDidWeb } from '../domain/did/did-web.ts'
import { CoreUnreachable, callCore } from './core-call.ts'
import { parseSeconds } from './duration.ts'
import { type CliIo, EXIT_FAILURE, printJson } from './print.ts'

const REVOKE_HELP = `
Examples:
  $ capiscio revoke 550e8400-e29b-41d4-a716-446655440000 --reason "laptop stolen"
  $ capiscio revoke did:web:registry.example.com:agents:agent-1 --address unix:/run/capiscio.sock

Revokes on this core, whatever the issuer says: a badge, or all badges of an agent or server. It is in
force when the command is over. To take it back, see "Revocation" in docs/operations.md.
Exit codes: 0 revoked, 1 refused or not reachable, 2 wrong usage.
`

const RELOAD_HELP = `
Example:
  $ capiscio reload --state-dir ~/.capiscio/core

Reads policy, keys, local revocations and snapshots again. One that is not in order changes nothing.
Exit codes: 0 in force, 1 refused or not reachable, 2 wrong usage.
`

interface OperatorFlags {
  readonly address: string
  readonly config?: string
  readonly stateDir?: string
  /** Seconds. */
  readonly timeout: number
  readonly json: boolean
}

/** `capiscio revoke`: revoke a badge or an agent on a running core. */
export function addRevokeCommand(program: Command, io: CliIo): void {
  operatorOptions(program.command('revoke').description('revoke a badge or an agent on a running core'), io)
    .argument('<jti-or-did>', 'id of the badge, or DID of the agent or server', parseRevocable)
    .option('--reason <text>', 'why, for whoever reads it later', '')
    .addHelpText('after', REVOKE_HELP)
    .action(async (subject: string, { reason, ...flags }: OperatorFlags & { readonly reason: string }) => {
      const named = subject.startsWith('did:') ? { subjectDid: subject } : { badgeJti: subject }
      const request = { ...named, reason }
      const answer = await operate(
        'RevokeLocally',
        RevokeLocallyRequestSchema,
        RevokeLocallyResponseSchema,
        request,
        flags,
        io,
      )
      if (answer === undefined) return
      if (flags.json) printJson(io, { revoked: subject })
      else io.stdout('Revoked.\n')
    })
}

/** `capiscio reload`: let a running core read its files again. */
export function addReloadCommand(program: Command, io: CliIo): void {
  operatorOptions(program.command('reload').description('let a running core read its files again'), io)
    .addHelpText('after', RELOAD_HELP)
    .action(async (flags: OperatorFlags) => {
      const answer = await operate('Reload', ReloadRequestSchema, ReloadResponseSchema, {}, flags, io)
      if (answer === undefined) return
      const { policyVersion } = answer
      if (flags.json) printJson(io, { policyVersion })
      else io.stdout(`In force: policy ${policyVersion}\n`)
    })
}

function operatorOptions(command: Command, io: CliIo): Command {
  return command
    .option('--address <address>', 'HOST:PORT or unix:/PATH', io.env.CAPISCIO_CORE_ADDR || '127.0.0.1:50051')
    .option('--state-dir <dir>', 'state folder of the core, which has the admin token')
    .option('--config <file>', 'configuration file of the core, which may name that folder')
    .option('--timeout <seconds>', 'how long to wait for an answer', parseSeconds, 10)
    .option('--json', 'print JSON', false)
}

/** Makes an operator's call; `undefined` when it was refused, which is printed. */
async function operate<Input extends DescMessage, Output extends DescMessage>(
  method: string,
  input: Input,
  output: Output,
  request: MessageInitShape<Input>,
  { address, config, stateDir, timeout, json }: OperatorFlags,
  io: CliIo,
): Promise<MessageShape<Output> | undefined> {
  const path = `/capiscio.core.v1.AdminService/${method}`
  const flags = { ...(config !== undefined && { config }), ...(stateDir !== undefined && { stateDir }) }
  const { config: decided } = loadConfig({ command: 'serve', flags, env: io.env })
  try {
    const adminToken = await readAdminToken(join(decided.stateDir, 'admin-token'))
    const options = { address, env: io.env, timeoutMs: timeout * 1000, adminToken }
    return await callCore(path, input, output, options, request)
  } catch (error) {
    if (!(error instanceof CoreUnreachable)) throw error
    const message = isAboutToken(error)
      ? `${error.message} Give --state-dir, the state folder of that core; this command looked into ${decided.stateDir}.`
      : error.message
    if (json) printJson(io, { error: message })
    io.stderr(`${message}\n`)
    io.setExitCode(EXIT_FAILURE)
    return undefined
  }
}

function isAboutToken({ code }: CoreUnreachable): boolean {
  return code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED
}

/** What badges carry. Anything else would be taken, and would revoke nothing. */
function parseRevocable(text: string): string {
  try {
    if (text.startsWith('did:')) checkDid(text)
    else parseJti(text)
    return text
  } catch (refused) {
    if (!(refused instanceof DidRefused || refused instanceof BadgeRefused)) throw refused
    throw new InvalidArgumentError('Write the jti of a badge, which is a UUID, or the DID of an agent or server.')
  }
}

function checkDid(text: string): void {
  const { method } = parseDid(text)
  if (method === 'key') parseDidKey(text)
  if (method === 'web') parseDidWeb(text)
}
