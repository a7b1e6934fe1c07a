import type { Command } from 'commander'
import { addKeyGenCommand } from './key-gen.ts'
import type { CliIo } from './print.ts'

/** `capiscio key`: keys of agents and servers. */
export function addKeyCommand(program: Command, io: CliIo): void {
  addKeyGenCommand(program.command('key').description('make keys for agents and servers'), io)
}
