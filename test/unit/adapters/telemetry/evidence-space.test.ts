import pino from 'pino'
import { expect, it } from 'vitest'
import { createMetrics } from '../../../../core/src/adapters/telemetry/metrics.ts'
import { createTelemetry } from '../../../../core/src/adapters/telemetry/telemetry.ts'

it('a disk that gets full is warned of once for each time, and measured always', async () => {
  const events: unknown[] = []
  const logger = pino({ level: 'trace' }, { write: (line: string) => void events.push(JSON.parse(line)) })
  const metrics = createMetrics()
  const telemetry = createTelemetry(logger, metrics)
  const warned: number[] = []
  for (const [freeBytes, isLow] of [
    [9e9, false],
    [8e8, true],
    [7e8, true],
    [6e9, false],
    [5e8, true],
  ] as const) {
    telemetry.evidenceSpace({ freeBytes, isLow })
    expect((await metrics.evidenceFreeBytes.get()).values[0]?.value).toBe(freeBytes)
    warned.push(events.length)
  }
  expect(warned).toEqual([0, 1, 1, 1, 2])
  expect(events[0]).toMatchObject({ level: 40, event: 'evidence_space_low', freeBytes: 8e8 })
})
