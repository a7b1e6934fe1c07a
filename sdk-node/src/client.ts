import type {
  AuthenticateCallerRequest,
  AuthenticateCallerResponse,
  EvaluateToolAccessRequest,
  EvaluateToolAccessResponse,
  FilterToolsRequest,
  FilterToolsResponse,
  GetRecordRequest,
  GetRecordResponse,
  GetServerInfoResponse,
  RecordOutcomeRequest,
  RecordOutcomeResponse,
  VerifyServerRequest,
  VerifyServerResponse,
} from '@capiscio/proto/core/v1'

/** Limits of one call to the core. */
export interface CallOptions {
  /** Gives the call up when aborted; rejects with `CallAbortedError`. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the call is given up with `CoreTimeoutError`. Default: the client's. */
  readonly timeoutMs?: number | undefined
}

/**
 * What the SDK needs of a core. `createCoreClient` makes one that speaks gRPC; a core in
 * the same process can offer the same methods.
 *
 * A call asks once. Nothing is asked again after it may have reached the core, because
 * every decision leaves a record.
 */
export interface CoreClient extends AsyncDisposable {
  /** Default of `CallOptions.timeoutMs`, in milliseconds. 10 000 where absent. */
  readonly timeoutMs?: number
  /** Asks for one decision. */
  evaluateToolAccess(request: EvaluateToolAccessRequest, options?: CallOptions): Promise<EvaluateToolAccessResponse>
  /** Asks which tools of a listing a caller may run now. Leaves no record. */
  filterTools(request: FilterToolsRequest, options?: CallOptions): Promise<FilterToolsResponse>
  /** Asks who a caller is, before any tool is named. A client without it can let nobody through a gate. */
  authenticateCaller?(request: AuthenticateCallerRequest, options?: CallOptions): Promise<AuthenticateCallerResponse>
  /** Asks who an MCP server is. */
  verifyServer(request: VerifyServerRequest, options?: CallOptions): Promise<VerifyServerResponse>
  /**
   * Reports how an allowed call ended. `guard` calls it after the handler; a client without
   * it reports nothing.
   */
  recordOutcome?(request: RecordOutcomeRequest, options?: CallOptions): Promise<RecordOutcomeResponse>
  /** Reads one record with its proof. A client without it gives no proofs in replies. */
  getRecord?(request: GetRecordRequest, options?: CallOptions): Promise<GetRecordResponse>
  /** Asks what the core is. */
  getServerInfo(options?: CallOptions): Promise<GetServerInfoResponse>
}

/** How long a decision may take where nobody says otherwise, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 10_000
