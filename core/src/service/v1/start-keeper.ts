import type { MessageInitShape } from '@bufbuild/protobuf'
import { type BadgeKeeperEvent, createBadgeKeeper } from '@capiscio/proto/registry'
import { type KeeperEventSchema, KeeperEventType, KeeperMode, type StartKeeperRequest } from '@capiscio/proto/v1'
import type { Clock } from '../../ports/clock.ts'
import type { Timer } from '../../ports/timer.ts'
import { type FieldViolation, invalidArgument } from '../rpc-fault.ts'
import type { ServerStreamContext } from '../service-implementation.ts'
import { oldFailure, oldLevelOf, oldTerms, openOldRegistry, type RequestBadgeOptions } from './request-badge.ts'

export interface StartKeeperOptions extends RequestBadgeOptions {
  readonly clock: Clock
  readonly timer: Timer
  /** From 0 up to 1. */
  readonly jitter: () => number
}

type Event = MessageInitShape<typeof KeeperEventSchema>

/** Events that a caller who does not read may leave behind. The oldest go first: the last badge is the one that counts. */
const MAX_WAITING = 64

/**
 * `BadgeService.StartKeeper`: keeps a badge fresh for as long as the stream is open. Each badge
 * comes in its event; the caller stores it where it wants. The core writes and reads no file
 * of a caller's choice.
 */
export async function* startKeeper(
  request: StartKeeperRequest,
  { signal, stopping }: Pick<ServerStreamContext, 'signal' | 'stopping'>,
  options: StartKeeperOptions,
): AsyncGenerator<Event> {
  const { client, terms } = decide(request, options)
  const { clock, timer, jitter } = options
  const event = (type: KeeperEventType, facts: Event = {}): Event => ({
    type,
    timestamp: BigInt(Math.floor(clock.nowMs() / 1000)),
    ...facts,
  })
  const waiting: Event[] = []
  let wake = (): void => {}
  const tell = (next: Event): void => {
    waiting.push(next)
    if (waiting.length > MAX_WAITING) waiting.shift()
    wake()
  }
  const ended = AbortSignal.any([signal, stopping])
  const onEnd = (): void => wake()
  ended.addEventListener('abort', onEnd)
  await using keeper = createBadgeKeeper({
    request: () => client.requestBadge({ kind: 'agent', reference: request.agentId }, terms),
    ...(request.renewBeforeSeconds !== 0 && { renewBeforeMs: request.renewBeforeSeconds * 1000 }),
    nowMs: clock.nowMs,
    after: timer.after,
    random: jitter,
  })
  keeper.on((happened) => tell(event(...toOldEvent(happened))))
  try {
    yield event(KeeperEventType.KEEPER_EVENT_STARTED)
    while (!ended.aborted) {
      const next = waiting.shift()
      if (next !== undefined) {
        yield next
        continue
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    yield event(KeeperEventType.KEEPER_EVENT_STOPPED)
  } finally {
    ended.removeEventListener('abort', onEnd)
  }
}

function decide(request: StartKeeperRequest, { registries }: StartKeeperOptions) {
  const violations: FieldViolation[] = []
  const complain = (field: string, description: string): void => void violations.push({ field, description })
  if (request.mode === KeeperMode.SELF_SIGN) {
    complain('mode', 'must be KEEPER_MODE_CA: self-signed badges are made with SignBadge')
  }
  if (request.agentId === '') complain('agent_id', 'is required')
  if (request.outputFile !== '') complain('output_file', 'is not written: the badge is in each event')
  if (request.privateKeyPath !== '') complain('private_key_path', 'is not read: the core reads no file of a caller')
  if (request.renewBeforeSeconds < 0) complain('renew_before_seconds', 'must not be negative')
  const client = openOldRegistry(registries, request.caUrl, request.apiKey)
  if ('error' in client) complain(client.errorCode === 'AUTH_INVALID' ? 'api_key' : 'ca_url', client.error)
  const terms = oldTerms(request)
  if ('error' in terms) complain('trust_level', terms.error)
  if ('error' in client || 'error' in terms || violations.length > 0) throw invalidArgument(violations)
  return { client, terms }
}

function toOldEvent(happened: BadgeKeeperEvent): [type: KeeperEventType, facts: Event] {
  switch (happened.type) {
    case 'renewed': {
      const { badge } = happened
      const facts = { badgeJti: badge.jti, subject: badge.subject, trustLevel: oldLevelOf(badge), token: badge.token }
      return [KeeperEventType.KEEPER_EVENT_RENEWED, { ...facts, expiresAt: BigInt(badge.expiresAt) }]
    }
    case 'failed':
      return [KeeperEventType.KEEPER_EVENT_ERROR, oldFailure(happened.error)]
    case 'expired': {
      const error = 'The badge has expired and was not renewed yet'
      return [KeeperEventType.KEEPER_EVENT_ERROR, { badgeJti: happened.badge.jti, errorCode: 'BADGE_EXPIRED', error }]
    }
  }
}
