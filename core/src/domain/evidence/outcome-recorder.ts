import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { EvidenceLog } from './evidence-log.ts'
import type { EvidenceSearch } from './evidence-search.ts'
import type { OpenCalls } from './open-calls.ts'
import { encodeOutcomeRecord } from './outcome-record.ts'
import { type RecordFacts, readRecordFacts } from './record-facts.ts'

/** Why an outcome was not recorded. */
export type OutcomeRefusalCode =
  /** No record of this log has that evidence id. */
  | 'DECISION_UNKNOWN'
  /** The record is not a decision that let a tool run. */
  | 'DECISION_NOT_ALLOW'
  /** This decision has its outcome. */
  | 'OUTCOME_EXISTS'

export class OutcomeRefused extends Error {
  override readonly name = 'OutcomeRefused'
  readonly code: OutcomeRefusalCode

  constructor(code: OutcomeRefusalCode, message: string) {
    super(message)
    this.code = code
  }
}

/** How an allowed call ended, within the limits that the service checked. */
export interface Outcome {
  /** Evidence id of the decision. */
  readonly decisionId: string
  readonly result: 'ok' | 'error'
  readonly durationMs: number
  readonly resultHash: string
}

export interface OutcomeRecorder {
  /**
   * Records how an allowed call ended; durable on return.
   *
   * @throws {OutcomeRefused} nothing was recorded
   * @throws {EvidenceOverloaded} nothing was recorded, retry later
   * @throws {EvidenceUnavailable} the log takes nothing any more
   * @throws {IndexUnavailable} the decision could not be looked up, retry later
   */
  record(outcome: Outcome): Promise<{ readonly id: string; readonly index: number }>
}

export interface OutcomeRecorderOptions {
  readonly log: Pick<EvidenceLog, 'append'>
  readonly search: Pick<EvidenceSearch, 'byId' | 'page'>
  /** Decisions of this process without an outcome, by their records. */
  readonly openCalls: OpenCalls
  readonly clock: Pick<Clock, 'nowMs'>
  readonly random: Pick<Random, 'uuid'>
  readonly telemetry: Pick<Telemetry, 'outcomeRecorded'>
  readonly coreVersion: string
}

/** Links outcomes to the decisions of the same log, at most one to each. */
export function createOutcomeRecorder(options: OutcomeRecorderOptions): OutcomeRecorder {
  const { log, search, openCalls, clock, random, telemetry, coreVersion } = options
  /** Decisions whose outcome is being written; whoever comes second waits to see how that ends. */
  const underWay = new Map<string, Promise<unknown>>()

  /** The decision as its record has it, which let a tool run and has no outcome. */
  async function lookUp(decisionId: string): Promise<RecordFacts> {
    const decision = await search.byId(decisionId)
    if (decision === undefined) {
      throw new OutcomeRefused('DECISION_UNKNOWN', `No record of this log has the evidence id ${decisionId}.`)
    }
    const { kind, decision: verdict } = decision.facts
    if (kind !== 'decision' || verdict !== 'ALLOW') {
      throw new OutcomeRefused('DECISION_NOT_ALLOW', `The record ${decisionId} is not a decision that let a tool run.`)
    }
    const { records } = await search.page({ kind: 'outcome', decisionId }, { token: '', limit: 1 })
    const [earlier] = records
    if (earlier !== undefined) {
      throw new OutcomeRefused(
        'OUTCOME_EXISTS',
        `The decision ${decisionId} has its outcome, ${earlier.facts.id}. Records are never changed.`,
      )
    }
    return decision.facts
  }

  async function write({ decisionId, result, durationMs, resultHash }: Outcome) {
    const leaf = openCalls.take(decisionId)
    const { principal, tool } = leaf === undefined ? await lookUp(decisionId) : readRecordFacts(leaf)
    const id = random.uuid()
    const { index } = await log.append(
      encodeOutcomeRecord({
        ...{ id, atMs: clock.nowMs(), decisionId, result, durationMs, resultHash, coreVersion },
        agentDid: principal,
        target: tool,
      }),
    )
    telemetry.outcomeRecorded({ result })
    return { id, index }
  }

  return {
    async record(outcome) {
      const { decisionId } = outcome
      for (let other = underWay.get(decisionId); other !== undefined; other = underWay.get(decisionId)) {
        await other
      }
      // Taken in the same turn as the last look: between here and the end nobody else writes.
      const written = write(outcome)
      const settled = written.catch(() => undefined).finally(() => underWay.delete(decisionId))
      underWay.set(decisionId, settled)
      return written
    },
  }
}
