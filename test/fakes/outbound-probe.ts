import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OutboundFailure } from '../../core/src/adapters/http/outbound-failure.ts'
import { createOutboundHttp } from '../../core/src/adapters/http/outbound-http.ts'
import { systemClock } from '../../core/src/adapters/time/system-clock.ts'

// A program of its own, because what it shows is how the process is started. Asks each URL of
// its arguments and prints how that ended. PROBE_CA: roots beside Node's own, default the test CA's.

const { PROBE_CA } = process.env
const ca = PROBE_CA ?? readFileSync(join(import.meta.dirname, 'tls', 'issued', 'ca-cert.pem'), 'utf8')
await using http = createOutboundHttp({
  clock: systemClock,
  random: { bytes: (length) => new Uint8Array(length) },
  telemetry: { outboundCalled: () => {} },
  ...(ca !== '' && { ca }),
})
const ends: (number | string)[] = []
for (const url of process.argv.slice(2)) {
  try {
    ends.push((await http.send({ url, hostFrom: 'operator', maxBytes: 1024, timeoutMs: 10_000 })).status)
  } catch (failure) {
    ends.push(failure instanceof OutboundFailure ? failure.outcome : String(failure))
  }
}
process.stdout.write(JSON.stringify(ends))
