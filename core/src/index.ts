// The front door of @capiscio/core. Most people use the command `capiscio` and never
// import this; what is here is for programs that embed or inspect a core.
export { type EvidenceRefusalCode, EvidenceRefused } from './domain/evidence/evidence-errors.ts'
export {
  createInProcessCore,
  type InProcessCallOptions,
  type InProcessCore,
  type InProcessCoreOptions,
} from './in-process-core.ts'
export { type LoggedRecord, readEvidenceLogs } from './setup/evidence/read-evidence-logs.ts'
export { CORE_VERSION, PROTO_VERSION } from './version.ts'
