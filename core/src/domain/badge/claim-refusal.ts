import { DidRefused } from '../did/did-refused.ts'
import { BadgeRefused } from './badge-refused.ts'

/** @throws {BadgeRefused} BADGE_CLAIMS_INVALID, naming the claim and its rule, when the condition does not hold */
export function demand(condition: boolean, claim: string, rule: string): asserts condition {
  if (!condition) throw refusal(claim, rule)
}

/** Runs a parser of the room `did`; its refusal becomes one of the claim. */
export function parsing<T>(claim: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (cause instanceof DidRefused) throw refusal(claim, `is refused: ${cause.message}`, { cause })
    throw cause
  }
}

function refusal(claim: string, rule: string, options?: ErrorOptions): BadgeRefused {
  return new BadgeRefused('BADGE_CLAIMS_INVALID', `The badge's claim ${claim} ${rule}.`, options)
}
