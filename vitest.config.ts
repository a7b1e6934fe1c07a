import { defineConfig } from 'vitest/config'
import { SummaryReporter } from './test/tools/summary-reporter.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', new SummaryReporter()],
    // Fault and e2e suites start real processes: give them room, never retry them.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is waited for comes at once, or late on a busy machine; one second would be an opinion about speed.
    expect: { poll: { timeout: 20_000 } },
    retry: 0,
    maxWorkers: 2,
  },
})
