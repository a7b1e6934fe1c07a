import type { EvidenceConfig, EvidencePlace } from './config.ts'
import type { ConfigSources } from './config-sources.ts'
import type { Decisions } from './decisions.ts'
import { isWithin, parseFilePath } from './file-path.ts'

/** Decides what the evidence log is held against when the core starts, and where that is kept. */
export function decideEvidenceProofs(
  decisions: Decisions,
  { file, home }: ConfigSources,
  place: EvidencePlace,
): Pick<EvidenceConfig, 'verifyAtStart' | 'anchorFiles' | 'anchorTo'> {
  const written = file?.written.evidence
  const verifyAtStart = decisions.pick(
    'evidence.verifyAtStart',
    [file?.candidate(['evidence', 'verifyAtStart'], written?.verifyAtStart)],
    (verify) => verify,
    () => false,
  )
  const anchorFiles = decisions.pick(
    'evidence.anchorFiles',
    [file?.candidate(['evidence', 'anchorFiles'], written?.anchorFiles)],
    (paths, base): readonly string[] => paths.map((path) => parseFilePath(path, base, home)),
    () => [],
  )
  if (anchorFiles.length > 0 && place.root !== undefined) {
    const reason = 'An anchor is of one log: name that log with evidence.directory or --evidence-log'
    decisions.refuse('CONFLICT', decisions.originOf('evidence.anchorFiles'), reason)
  }
  const anchorTo = decisions.pick(
    'evidence.anchorTo',
    [file?.candidate(['evidence', 'anchorTo'], written?.anchorTo)],
    (path, base): string | undefined => parseFilePath(path, base, home),
    () => undefined,
  )
  if (anchorTo !== undefined && isWithin(anchorTo, place.root ?? place.directory)) {
    const reason = 'An anchor inside the evidence goes when the evidence goes: name a folder on another disk'
    decisions.refuse('CONFLICT', decisions.originOf('evidence.anchorTo'), reason)
  }
  return { verifyAtStart, anchorFiles, ...(anchorTo !== undefined && { anchorTo }) }
}
