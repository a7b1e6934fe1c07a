import { join } from 'node:path'
import type { EvidenceConfig, EvidencePlace } from './config.ts'
import { DEFAULT_ORIGIN } from './config-origin.ts'
import type { ConfigSources } from './config-sources.ts'
import { decideEvidenceProofs } from './decide-evidence-proofs.ts'
import { type Decisions, fromEnv, fromFlag } from './decisions.ts'
import { ENVIRONMENT_NAMES as ENV } from './environment.ts'
import { isWithin, parseFilePath } from './file-path.ts'
import { oneOf } from './one-of.ts'
import { ValueRefused } from './value-refused.ts'

/** Decides where state and evidence are kept. `dev` keeps both in the working folder. */
export function decideFolders(
  decisions: Decisions,
  sources: ConfigSources,
): { readonly stateDir: string; readonly evidence: EvidenceConfig } {
  const { command, flags, environment, file, cwd, home } = sources
  const written = file?.written.evidence
  const fallback = (name: string, path: string, inHome: string): string => {
    if (command === 'dev') return join(cwd, '.capiscio-dev', path)
    if (home !== undefined) return join(home, '.capiscio', inHome)
    decisions.refuse('VALUE_INVALID', DEFAULT_ORIGIN, `HOME is not set: set it, or ${name}`)
    return join('/', path)
  }
  const path = (text: string, base: string): string => parseFilePath(text, base, home)
  const stateDir = decisions.pick(
    'stateDir',
    [
      fromFlag('--state-dir', flags.stateDir),
      fromEnv(ENV.stateDir, environment.stateDir),
      file?.candidate(['stateDir'], file.written.stateDir),
    ],
    path,
    () => fallback(ENV.stateDir, 'state', 'core'),
  )
  if (written?.root !== undefined && written.directory !== undefined && file) {
    const reason = 'Give a root for several logs or the directory of one log, not both'
    decisions.refuse('CONFLICT', file.originOf(['evidence', 'directory']), reason)
  }
  const root = file?.candidate(['evidence', 'root'], written?.root)
  const directory = file?.candidate(['evidence', 'directory'], written?.directory)
  const fromFile = root ?? directory
  const log = fromFlag('--evidence-log', flags.evidenceLog)
  const dir = fromEnv(ENV.evidenceDir, environment.evidenceDir)
  const chosen = decisions.pick('evidence', [log, dir, fromFile], path, () =>
    fallback(ENV.evidenceDir, 'evidence', 'evidence'),
  )
  const isOneLog = log !== undefined || (dir === undefined && fromFile !== undefined && fromFile === directory)
  const place: EvidencePlace = isOneLog ? { directory: chosen } : { root: chosen }
  if (isWithin(stateDir, chosen)) {
    const reason = 'The state folder holds the keys that sign the evidence: put it outside the evidence folder'
    decisions.refuse('CONFLICT', decisions.originOf('stateDir'), reason)
  }
  const proofs = decideEvidenceProofs(decisions, sources, place)
  return { stateDir, evidence: { ...place, ...decideEvidence(decisions, sources), ...proofs } }
}

function decideEvidence(
  decisions: Decisions,
  { environment, file }: ConfigSources,
): Pick<EvidenceConfig, 'mode' | 'retentionDays' | 'startEmpty'> {
  const written = file?.written.evidence
  const mode = decisions.pick(
    'evidence.mode',
    [fromEnv(ENV.evidenceMode, environment.evidenceMode), file?.candidate(['evidence', 'mode'], written?.mode)],
    (text) => oneOf(['local', 'registry', 'hybrid'] as const, text),
    () => 'local' as const,
  )
  if (mode !== 'local') {
    const reason = `Delivery of evidence to a registry is not available in this version: use local, which keeps every record on this machine`
    decisions.refuse('NOT_AVAILABLE', decisions.originOf('evidence.mode'), reason)
  }
  const retentionDays = decisions.pick<string | number, number>(
    'evidence.retentionDays',
    [
      fromEnv(ENV.evidenceRetentionDays, environment.evidenceRetentionDays),
      file?.candidate(['evidence', 'retentionDays'], written?.retentionDays),
    ],
    (raw) => {
      if (/^\d{1,5}$/.test(String(raw))) return Number(raw)
      throw new ValueRefused('Write a number of days, or 0 to keep evidence for ever')
    },
    () => 0,
  )
  const startEmpty = decisions.pick(
    'evidence.startEmpty',
    [file?.candidate(['evidence', 'startEmpty'], written?.startEmpty)],
    (start) => start,
    () => false,
  )
  if (startEmpty) {
    decisions.warn('evidence.startEmpty', 'A log that disappears is replaced without a word: set it for one start only')
  }
  return { mode: 'local', retentionDays, startEmpty }
}
