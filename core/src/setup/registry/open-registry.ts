import { createNodeEd25519Signer, createNodeEd25519Verifier } from '../../adapters/crypto/node-ed25519.ts'
import { systemRandom } from '../../adapters/crypto/system-random.ts'
import { RegistryStoreRefused } from '../../adapters/registry/registry-store-refused.ts'
import { openSqliteStore } from '../../adapters/registry/sqlite-store.ts'
import { systemClock } from '../../adapters/time/system-clock.ts'
import { systemTimer } from '../../adapters/time/system-timer.ts'
import type { RegistryConfig } from '../../config/registry-config.ts'
import { createDidWebDocuments } from '../../domain/did/did-web-documents.ts'
import type { EvidenceLog } from '../../domain/evidence/evidence-log.ts'
import { type AccessKeys, createAccessKeys } from '../../domain/registry/access-keys.ts'
import { type AuditTrail, createAuditTrail } from '../../domain/registry/audit-trail.ts'
import { type CaKey, decideCaKeyRoles } from '../../domain/registry/ca-keys.ts'
import { createIssuance, type Issuance } from '../../domain/registry/issuance.ts'
import { createIssuedBadges, type IssuedBadges } from '../../domain/registry/issued-badges.ts'
import { createOwnDidDocuments, type ForgettingDidDocuments } from '../../domain/registry/own-did-documents.ts'
import { createRateGate, RATE_LIMITS, type RateLimits } from '../../domain/registry/rate-limits.ts'
import type { RegistryContext } from '../../domain/registry/registry-context.ts'
import { RegistryRefused } from '../../domain/registry/registry-refused.ts'
import { createSubjectNames } from '../../domain/registry/subject-names.ts'
import { createSubjects, type Subjects } from '../../domain/registry/subjects.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'
import type { RegistryStore } from '../../ports/registry-store.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { openEvidence } from '../evidence/open-evidence.ts'
import { openOutboundHttp } from '../open-outbound-http.ts'
import { loadCaKeys, registryFolders } from './registry-files.ts'

/** What a registry takes from outside; the real thing where it is absent. */
export interface RegistryAdapters {
  readonly openStore?: (file: string) => RegistryStore
  readonly clock?: Clock
  readonly random?: Random
  /** Documents of did:webs elsewhere. */
  readonly didDocuments?: ForgettingDidDocuments
  readonly rateLimits?: RateLimits
}

/** A registry without a listener and without a log: what commands and the service share. */
export interface RegistryParts {
  readonly context: RegistryContext
  readonly subjects: Subjects
  readonly issuance: Issuance
  readonly badges: IssuedBadges
  readonly accessKeys: AccessKeys
  readonly trail: AuditTrail
  /** Lets everything go. Idempotent. */
  close(): Promise<void>
}

/** The one process that writes the registry's evidence log. */
export interface OpenRegistry extends RegistryParts {
  readonly evidence: { readonly log: EvidenceLog; readonly directory: string }
  /** Reads the CA keys again, after one was added. */
  reloadCaKeys(): Promise<void>
}

/**
 * Opens a registry that exists, and its evidence log, whose lock says that this process is
 * the one that serves.
 *
 * @throws when a file is refused or another process holds the log; then nothing is left open
 */
export async function openRegistry(
  config: RegistryConfig,
  telemetry: Telemetry,
  adapters: RegistryAdapters = {},
): Promise<OpenRegistry> {
  const { clock = systemClock, random = systemRandom } = adapters
  const store = openStoreOf(config, adapters)
  try {
    let caKeys: readonly CaKey[] = await loadCaKeys(config)
    const { evidence: directory, evidenceState: stateDir } = registryFolders(config)
    const evidence = await openEvidence({
      location: { directory },
      ...{ stateDir, random, clock, telemetry },
      timer: systemTimer,
      startEmpty: false,
      verifier: createNodeEd25519Verifier({ maxKeys: 1 }),
      createSigner: createNodeEd25519Signer,
    })
    const { log } = evidence
    const trail = createAuditTrail({ store, evidence: log, clock, random })
    // What was committed before a crash, or by a command, and did not reach the log.
    await trail.flush().catch(async (error: unknown) => {
      await log.close()
      throw error
    })
    const parts = assemble(config, store, trail, () => caKeys, telemetry, adapters)
    return {
      ...parts,
      evidence,
      async reloadCaKeys() {
        caKeys = await loadCaKeys(config)
      },
      async close() {
        try {
          if (log.state() === 'open') await trail.flush()
        } finally {
          await log.close()
          await parts.close()
        }
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** How long a command waits for the running registry to write its records. */
const JOIN_WAIT_MS = 10_000

const JOIN_LOOK_MS = 50

/**
 * Opens a registry beside the process that serves it. Changes go through the same database;
 * their records are written by that process, which looks for them again and again.
 *
 * @throws {RegistryStoreRefused}
 */
export async function joinRegistry(
  config: RegistryConfig,
  telemetry: Telemetry,
  adapters: RegistryAdapters = {},
): Promise<RegistryParts> {
  const { clock = systemClock, random = systemRandom } = adapters
  const store = openStoreOf(config, adapters)
  try {
    const caKeys = await loadCaKeys(config)
    const evidence = { append: async () => undefined, state: () => 'open' }
    const trail: AuditTrail = {
      ...createAuditTrail({ store, evidence, clock, random }),
      async flush() {
        const untilMs = clock.monotonicMs() + JOIN_WAIT_MS
        while ((await store.pendingAudit(1)).length > 0) {
          if (clock.monotonicMs() > untilMs) throw recordsWait()
          await new Promise((resolve) => setTimeout(resolve, JOIN_LOOK_MS))
        }
      },
    }
    return assemble(config, store, trail, () => caKeys, telemetry, adapters)
  } catch (error) {
    await store.close()
    throw error
  }
}

function recordsWait(): RegistryRefused {
  return new RegistryRefused(
    'evidence_unavailable',
    'The change is made, but the running registry does not write its record: look at its log.',
  )
}

function assemble(
  config: RegistryConfig,
  store: RegistryStore,
  trail: AuditTrail,
  caKeys: () => readonly CaKey[],
  telemetry: Telemetry,
  adapters: RegistryAdapters,
): RegistryParts {
  const { clock = systemClock, random = systemRandom } = adapters
  const http = openOutboundHttp({ profile: 'connected-prod', outbound: {}, clock, random, telemetry })
  // No namespace is the operator's choice: the registry's own is answered from its store.
  const foreign = createDidWebDocuments({ http, clock, namespaces: new Map(), allowLocalhost: false })
  const names = createSubjectNames(store.issuer)
  const badgesPerSubject = { events: config.badgesPerHour, windowMs: RATE_LIMITS.badgesPerSubject.windowMs }
  const context: RegistryContext = {
    issuer: store.issuer,
    ...{ names, store, trail, clock, random },
    gate: createRateGate(adapters.rateLimits ?? { ...RATE_LIMITS, badgesPerSubject }, clock),
    caKeys: () => decideCaKeyRoles(caKeys(), clock.nowMs()),
    didDocuments: createOwnDidDocuments(names, store, adapters.didDocuments ?? foreign),
    ed25519: createNodeEd25519Verifier({ maxKeys: 10_000 }),
  }
  return {
    ...{ context, trail },
    subjects: createSubjects(context),
    issuance: createIssuance(context),
    badges: createIssuedBadges(context),
    accessKeys: createAccessKeys(context),
    async close() {
      await http[Symbol.asyncDispose]()
      await store.close()
    },
  }
}

function openStoreOf(config: RegistryConfig, { openStore = openSqliteStore }: RegistryAdapters): RegistryStore {
  const store = openStore(config.databaseFile)
  try {
    demandIssuer(store, config)
    return store
  } catch (error) {
    void store.close()
    throw error
  }
}

function demandIssuer(store: RegistryStore, { issuer, databaseFile }: RegistryConfig): void {
  if (issuer === undefined || issuer === store.issuer) return
  throw new RegistryStoreRefused(
    'STORE_OTHER_ISSUER',
    `${databaseFile} is the registry of ${store.issuer}, whose name is in every badge and DID it gave out. Leave --issuer out, or name another database.`,
  )
}
