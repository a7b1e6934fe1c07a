import type { Telemetry } from '../ports/telemetry.ts'
import type { RpcFault } from '../service/rpc-fault.ts'
import { toRpcFault } from './fault-status.ts'

/** Turns whatever a call threw into the fault that its caller is told, counted and logged. */
export type ReportFault = (thrown: unknown) => RpcFault

/** @param path `/package.Service/Method` */
export function createReportFault(path: string, telemetry: Telemetry): ReportFault {
  return (thrown) => {
    const fault = toRpcFault(thrown, path)
    telemetry.requestRefused({ method: path, status: fault.code })
    if (fault.code === 'INTERNAL') telemetry.fault({ where: 'rpc', cause: fault.cause })
    return fault
  }
}
