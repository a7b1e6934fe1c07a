import type { Command } from 'commander'
import { addBadgeIssueCommand } from './badge-issue.ts'
import { addBadgeParseCommand } from './badge-parse.ts'
import { addBadgeVerifyCommand } from './badge-verify.ts'
import type { CliIo } from './print.ts'

/** `capiscio badge`: make, read and verify trust badges. */
export function addBadgeCommand(program: Command, io: CliIo): void {
  const badge = program.command('badge').description('make, read and verify trust badges')
  addBadgeIssueCommand(badge, io)
  addBadgeParseCommand(badge, io)
  addBadgeVerifyCommand(badge, io)
}
