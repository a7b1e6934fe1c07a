/** One case in one round. Times of batches are times of whole batches. */
export interface Slice {
  readonly decisions: number
  /** Processor time of the process that did the work, all threads. */
  readonly cpuMicrosEach: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Share of the time that the load process was busy: near 1, it is the load that limits the rate. */
  readonly loadBusy: number
  /** Share of the time that the server was ready to run and did not get its processor. */
  readonly waited: number
}

export interface BenchCase {
  readonly name: string
  /** Messages under way at a time; 0 where nothing is sent. */
  readonly inFlight: number
  /** Name of the control case that this one is set in relation to. */
  readonly control: string
  /** Measures once. `undefined` says that the server does not offer it. */
  measure(forMs: number): Promise<Slice | undefined>
}
