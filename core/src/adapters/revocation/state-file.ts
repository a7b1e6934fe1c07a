import { formatRfc3339, parseRfc3339 } from '../../lib/rfc3339.ts'
import type { StoredState } from '../../ports/revocation-store.ts'

/** Version of the file. Another one is not read. */
const FORMAT_VERSION = 1

/** What `state.json` says. */
export interface StateFile extends StoredState {
  readonly issuer: string
  /** Name of the file with the ids, in the same folder. */
  readonly file: string
  /** How many ids of the file count, from its beginning. */
  readonly count: number
  /** CRC-32C of those. */
  readonly crc: number
}

export function formatStateFile({ syncedAtMs, ...state }: StateFile): Uint8Array {
  const syncedAt = syncedAtMs === undefined ? null : formatRfc3339(syncedAtMs)
  const written = { version: FORMAT_VERSION, syncedAt, ...state }
  return new TextEncoder().encode(`${JSON.stringify(written, undefined, 2)}\n`)
}

/** Reads what `formatStateFile` wrote; `undefined` for everything else. */
export function parseStateFile(text: string): StateFile | undefined {
  const value = parseObject(text)
  const { version, issuer, file, count, crc, others, disabledSubjects } = value
  const syncedAtMs = value['syncedAt'] === null ? null : parseRfc3339(value['syncedAt'])
  const ok =
    version === FORMAT_VERSION &&
    typeof issuer === 'string' &&
    typeof file === 'string' &&
    /^ids-[0-9a-f]{16}\.bin$/.test(file) &&
    isCount(count) &&
    isCount(crc) &&
    syncedAtMs !== undefined &&
    isTexts(others) &&
    (disabledSubjects === undefined || isTexts(disabledSubjects))
  if (!ok) return undefined
  return {
    ...{ issuer, file, count, crc, others },
    ...(syncedAtMs !== null && { syncedAtMs }),
    ...(disabledSubjects && { disabledSubjects }),
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
