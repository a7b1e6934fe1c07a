import { resolve } from 'node:path'
import { createBadgeKeeper } from '@capiscio/proto/registry'
import { type Command, InvalidArgumentError } from 'commander'
import { systemClock } from '../adapters/time/system-clock.ts'
import { systemTimer } from '../adapters/time/system-timer.ts'
import { writeBadgeFile } from './badge-file.ts'
import {
  type BadgeRequestFlags,
  badgeFacts,
  badgeRequestOptions,
  decideBadgeRequest,
  describeBadge,
} from './badge-terms.ts'
import { parseDuration } from './duration.ts'
import { type CliIo, printable } from './print.ts'
import { refusing } from './refusing.ts'
import { openRegistryClient, type RegistryAccessFlags, registryOptions } from './registry-option.ts'
import { runService } from './run-until-stopped.ts'

const HELP = `
Example:
  $ export CAPISCIO_API_KEY=… CAPISCIO_CA_URL=https://registry.example.com
  $ capiscio badge keep --agent-id billing --ttl 5m --out badge.jwt

Keeps the badge in a file fresh until it is told to stop (SIGTERM): asks the registry for a new
one before the old one ends, and again after a failure, later each time. The file is replaced all
at once and is for you only.
Standard error tells of every renewal and failure, with --json standard output does.
Exit codes: 0 stopped as asked, 1 refused, 2 wrong usage.
`

interface KeepFlags extends BadgeRequestFlags, RegistryAccessFlags {
  readonly out: string
  readonly renewBefore?: number
  readonly json: boolean
}

const STOP_MS = 4_000

/** `capiscio badge keep` */
export function addBadgeKeepCommand(badge: Command, io: CliIo): void {
  registryOptions(badgeRequestOptions(badge.command('keep').description('keep a badge in a file fresh')))
    .option('--out <file>', 'where the badge is kept', 'badge.jwt')
    .option('--renew-before <time>', 'how long before its end it is renewed (default: a third of its life)', parseTime)
    .option('--json', 'print one line of JSON per event', false)
    .addHelpText('after', HELP)
    .action((flags: KeepFlags) => refusing(io, flags.json, () => keep(flags, io)))
}

async function keep(flags: KeepFlags, io: CliIo): Promise<void> {
  const ask = await decideBadgeRequest(flags, io)
  const path = resolve(flags.out)
  await using registry = openRegistryClient(flags, io)
  const { client } = registry
  const say = (event: object, text: string): void =>
    flags.json ? io.stdout(`${JSON.stringify(event)}\n`) : io.stderr(`${printable(text)}\n`)
  await runService({
    async start() {
      const keeper = createBadgeKeeper({
        // Written before it counts as renewed: a full disk is a failure that is tried again.
        async request() {
          const badge = await ask(client)
          await writeBadgeFile(path, badge.token)
          return badge
        },
        ...(flags.renewBefore !== undefined && { renewBeforeMs: flags.renewBefore * 1000 }),
        nowMs: systemClock.nowMs,
        after: systemTimer.after,
        random: Math.random,
      })
      keeper.on((event) => {
        switch (event.type) {
          case 'renewed':
            return say({ event: 'renewed', ...badgeFacts(event.badge) }, describeBadge(event.badge))
          case 'failed': {
            const retryInSeconds = Math.ceil(event.retryInMs / 1000)
            const { message } = event.error
            return say({ event: 'failed', message, retryInSeconds }, `${message} Again in ${retryInSeconds} s.`)
          }
          case 'expired':
            return say({ event: 'expired', jti: event.badge.jti }, `badge ${event.badge.jti} has expired`)
        }
      })
      // The keeper's own timers let a process end.
      const alive = setInterval(() => undefined, 60_000)
      return {
        async stop() {
          clearInterval(alive)
          await keeper.stop()
        },
      }
    },
    shutdownGraceMs: STOP_MS,
    exitWithStdin: io.env.CAPISCIO_EXIT_WITH_STDIN === '1',
  })
}

function parseTime(text: string): number {
  const seconds = parseDuration(text)
  if (seconds <= 3600) return seconds
  throw new InvalidArgumentError('No badge lives longer than 1h.')
}
