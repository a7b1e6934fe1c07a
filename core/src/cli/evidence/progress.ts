import type { CliIo } from '../print.ts'

const WIDTH = 30
const EVERY_MS = 100

/** A bar on standard error while long work goes on. Shown to people only. */
export interface Progress {
  report(done: number, total: number): void
  /** Takes the bar away. */
  clear(): void
}

export function createProgress(io: CliIo, label: string, nowMs: () => number = () => performance.now()): Progress {
  let shownMs = Number.NEGATIVE_INFINITY
  let shown = false
  return {
    report(done, total) {
      const now = nowMs()
      if (!io.stderrIsTty || now - shownMs < EVERY_MS) return
      shownMs = now
      shown = true
      const share = total === 0 ? 1 : Math.min(done / total, 1)
      const bar = '#'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '.')
      io.stderr(`\r${label} [${bar}] ${Math.floor(share * 100)}% of ${total}`)
    },
    clear() {
      if (shown) io.stderr('\r\u001b[K')
      shown = false
    },
  }
}
