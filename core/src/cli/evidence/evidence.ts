import type { Command } from 'commander'
import type { CliIo } from '../print.ts'
import { addAnchorCommand } from './anchor.ts'
import { addExportCommand } from './export.ts'
import { addNewLogCommand } from './new-log.ts'
import { addProveCommand } from './prove.ts'
import { addQueryCommand } from './query.ts'
import { addRotateKeyCommand } from './rotate-key.ts'
import { addStatsCommand } from './stats.ts'
import { addTailCommand } from './tail.ts'
import { addVerifyCommand } from './verify.ts'
import { addVerifyReceiptCommand } from './verify-receipt.ts'

/** `capiscio evidence`: read, check and keep the logs on this machine. Needs no running core, and harms none. */
export function addEvidenceCommand(program: Command, io: CliIo): void {
  const evidence = program.command('evidence').description('read and check evidence logs')
  addVerifyCommand(evidence, io)
  addVerifyReceiptCommand(evidence, io)
  addQueryCommand(evidence, io)
  addProveCommand(evidence, io)
  addExportCommand(evidence, io)
  addTailCommand(evidence, io)
  addAnchorCommand(evidence, io)
  addStatsCommand(evidence, io)
  addRotateKeyCommand(evidence, io)
  addNewLogCommand(evidence, io)
}
