import type { ListenConfig, TcpAddress } from '../../config/config.ts'
import type { Core } from '../../core.ts'
import { CORE_VERSION } from '../../version.ts'
import type { DevFolder } from './dev-folder.ts'

export interface DevScreenOptions {
  readonly folder: DevFolder
  readonly core: Core
  readonly registryUrl: string
  /** What was asked for, to say where a free port had to do. */
  readonly wanted: ListenConfig
  /** The folder as a person would type it. */
  readonly shown: string
  /** The policy file that is in force, as a person would type it. */
  readonly policy: string
  readonly color: boolean
}

/** What `capiscio dev` shows when it is ready: what runs where, what to try, how to stop. */
export function devScreen({ folder, core, registryUrl, wanted, shown, policy, color }: DevScreenOptions): string {
  const bold = (text: string): string => (color ? `\u001b[1m${text}\u001b[22m` : text)
  const dim = (text: string): string => (color ? `\u001b[2m${text}\u001b[22m` : text)
  const { tcp = '', http = '' } = core.addresses
  const badges = folder.badgeFiles.map(({ name }) => name).join(', ')
  const rows: [name: string, value: string, note: string][] = [
    ['gRPC', tcp, moved(wanted.tcp, tcp)],
    ['Health', `${http}/readyz`, moved(wanted.http, http)],
    ['Metrics', `${http}/metrics`, ''],
    ['Policy', policy, 'edit it and reload'],
    ['Badges', `${shown}/badges/*.jwt`, `${badges}; kept fresh`],
    ['Server', `${shown}/server.pem`, `key of an example MCP server; its badge is ${shown}/badges/server.jwt`],
    ['Registry', registryUrl, `administrator's key in ${shown}/registry/admin-key`],
    ['API key', `${shown}/api-key`, 'principal apikey:dev'],
    ['Evidence', `${shown}/evidence`, core.evidence.origin],
  ]
  const width = Math.max(...rows.map(([, value]) => value.length))
  const table = rows.map(([name, value, note]) => `  ${name.padEnd(10)}${value.padEnd(width)}  ${dim(note)}`.trimEnd())
  return `
${bold(`capiscio ${CORE_VERSION}`)} is ready: a development core, reachable from this machine only.

${table.join('\n')}

${bold('Try next')}, in another terminal:
  export CAPISCIO_CORE_ADDR=${tcp}      ${dim('points every SDK here, and these commands')}
  npx capiscio status
  npx capiscio policy explain --tool read_file --level 1 --policy ${policy}
  npx capiscio reload --config ${shown}/capiscio.yaml
  npx capiscio evidence tail --config ${shown}/capiscio.yaml
  npm run demo                          ${dim('a real MCP server and client, from a checkout')}

${bold('Stop')} with Ctrl+C.
`
}

function moved(wanted: TcpAddress | undefined, bound: string): string {
  if (wanted === undefined || wanted.port === 0 || bound.endsWith(`:${wanted.port}`)) return ''
  return `port ${wanted.port} is taken, so a free one was chosen`
}
