/** Everything generated from package `capiscio.core.v1`. */
export * from './gen/capiscio/core/v1/admin_service_pb.ts'
export * from './gen/capiscio/core/v1/core_service_pb.ts'
export * from './gen/capiscio/core/v1/decision_pb.ts'
export * from './gen/capiscio/core/v1/evidence_service_pb.ts'
export * from './gen/capiscio/core/v1/server_identity_pb.ts'
