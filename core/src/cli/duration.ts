import { InvalidArgumentError } from 'commander'

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }

/** Reads `90s`, `5m` or `1h`, in seconds. @throws {InvalidArgumentError} */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^([1-9][0-9]{0,5})(s|m|h)$/.exec(text) ?? []
  if (amount === undefined || unit === undefined) throw new InvalidArgumentError('Write a time such as 90s, 5m or 1h.')
  return Number(amount) * (SECONDS[unit] ?? 0)
}

/** Reads how long to wait, such as `10`, from 1 to 3600 seconds. @throws {InvalidArgumentError} */
export function parseSeconds(text: string): number {
  const seconds = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0
  if (seconds < 1 || seconds > 3600) throw new InvalidArgumentError('Write a number of seconds from 1 to 3600.')
  return seconds
}
