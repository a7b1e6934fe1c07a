import type { Command } from 'commander'
import { addBadgeIssueCommand } from './badge-issue.ts'
import { addBadgeKeepCommand } from './badge-keep.ts'
import { addBadgeParseCommand } from './badge-parse.ts'
import { addBadgeRequestCommand } from './badge-request.ts'
import { addBadgeVerifyCommand } from './badge-verify.ts'
import type { CliIo } from './print.ts'

/** `capiscio badge`: make, ask for, read and verify trust badges. */
export function addBadgeCommand(program: Command, io: CliIo): void {
  const badge = program.command('badge').description('make, ask for, read and verify trust badges')
  addBadgeIssueCommand(badge, io)
  addBadgeRequestCommand(badge, io)
  addBadgeKeepCommand(badge, io)
  addBadgeParseCommand(badge, io)
  addBadgeVerifyCommand(badge, io)
}
