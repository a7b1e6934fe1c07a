import type { Server } from '@grpc/grpc-js'
import { HealthImplementation, type ServingStatusMap } from 'grpc-health-check'

/** `grpc.health.v1.Health` for the whole process (name `''`) and each service. */
export interface GrpcHealth {
  addToServer(server: Server): void
  /** Tells every watcher at once. */
  set(serving: boolean): void
}

/** Starts as NOT_SERVING: a core serves when it says so. */
export function createGrpcHealth(serviceNames: readonly string[]): GrpcHealth {
  const names = ['', ...serviceNames]
  const initial: ServingStatusMap = Object.fromEntries(names.map((name) => [name, 'NOT_SERVING']))
  const health = new HealthImplementation(initial)
  return {
    addToServer: (server) => health.addToServer(server),
    set(serving) {
      for (const name of names) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING')
    },
  }
}
