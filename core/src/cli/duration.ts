import { InvalidArgumentError } from 'commander'

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }

/** Reads `90s`, `5m` or `1h`, in seconds. @throws {InvalidArgumentError} */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^([1-9][0-9]{0,5})(s|m|h)$/.exec(text) ?? []
  if (amount === undefined || unit === undefined) throw new InvalidArgumentError('Write a time such as 90s, 5m or 1h.')
  return Number(amount) * (SECONDS[unit] ?? 0)
}
