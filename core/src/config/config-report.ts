import { showOrigin } from './config-origin.ts'
import type { LoadedConfig } from './load-config.ts'

/** One decided value, safe to print. */
export interface ConfigReportRow {
  /** Such as `trust.issuers[0].issuer`. */
  readonly path: string
  readonly value: unknown
  /** `default`, `FILE:LINE:COLUMN`, `CAPISCIO_NAME` or `--flag`. */
  readonly origin: string
}

/** Shown in the place of what is there and not to be shown. */
const MASK = '********'

/** Matches the hashes of API keys: no secret, but of use to whoever has stolen a list of keys. */
const MASKED = /^apiKeys\[\d+\]\.hash$/

/** Every value of a configuration with its origin, in the order of the configuration. */
export function reportConfig({ config, origins }: LoadedConfig): readonly ConfigReportRow[] {
  const rows: ConfigReportRow[] = []
  const originOf = (path: string): string => {
    for (let at = path; at !== ''; at = parentOf(at)) {
      const origin = origins.get(at)
      if (origin !== undefined) return showOrigin(origin)
    }
    return 'default'
  }
  const visit = (path: string, value: unknown): void => {
    if (Array.isArray(value) && value.length > 0) {
      value.forEach((member, index) => {
        visit(`${path}[${index}]`, member)
      })
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [name, member] of Object.entries(value)) visit(path === '' ? name : `${path}.${name}`, member)
    } else {
      rows.push({ path, value: MASKED.test(path) ? MASK : value, origin: originOf(path) })
    }
  }
  visit('', config)
  return rows
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('['), 0))
}
