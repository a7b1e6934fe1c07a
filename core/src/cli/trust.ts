import type { Command } from 'commander'
import type { CliIo } from './print.ts'
import { addTrustAddCommand } from './trust-add.ts'
import { addTrustListCommand } from './trust-list.ts'
import { addTrustRemoveCommand } from './trust-remove.ts'

/** `capiscio trust`: the keys that this machine's cores believe beside their configuration. */
export function addTrustCommand(program: Command, io: CliIo): void {
  const trust = program.command('trust').description('pin the public keys of issuers and agents')
  addTrustAddCommand(trust, io)
  addTrustListCommand(trust, io)
  addTrustRemoveCommand(trust, io)
}
