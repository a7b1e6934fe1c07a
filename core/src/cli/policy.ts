import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { ConfigRefused } from '../config/config-refused.ts'
import { loadConfig } from '../config/load-config.ts'
import { readBoundedFile } from '../config/read-bounded-file.ts'
import {
  type DemandSource,
  explainTool,
  type PolicyExplanation,
  type SupposedCaller,
} from '../domain/policy/explain.ts'
import { type MinIal, type MinTrustLevel, NO_POLICY, type Policy } from '../domain/policy/policy.ts'
import { MAX_POLICY_BYTES, parsePolicyFile } from '../domain/policy/policy-file.ts'
import { PolicyRefused } from '../domain/policy/policy-refused.ts'
import { type CliIo, EXIT_FAILURE, type PrintedProblem, printJson, printRefusal, printTable } from './print.ts'

const CHECK_HELP = `
Example:
  $ capiscio policy check policy.yaml

Exit codes: 0 valid, 1 refused or not readable, 2 wrong usage.
`

const EXPLAIN_HELP = `
Examples:
  $ capiscio policy explain --tool read_file
  $ capiscio policy explain --tool read_file --level 2 --ial 0
  $ capiscio policy explain --tool drop_table --anonymous --policy policy.yaml

Without --policy, the policy of the configuration that "capiscio serve" would use.
Only the policy is asked: a real call needs a badge that verifies, too.
Exit codes: 0 would be allowed, or no caller was given; 1 would be denied, or the policy is refused; 2 wrong usage.
`

/** `capiscio policy`: check a policy file, and ask what it says about a tool. */
export function addPolicyCommand(program: Command, io: CliIo): void {
  const policy = program.command('policy').description('check and explain the policy of a core')
  policy
    .command('check')
    .description('check a policy file')
    .argument('<file>', 'policy file')
    .option('--json', 'print JSON', false)
    .addHelpText('after', CHECK_HELP)
    .action((file: string, { json }: { json: boolean }) => check(file, json, io))
  policy
    .command('explain')
    .description('show what a policy demands for a tool, and why')
    .requiredOption('--tool <name>', 'name of the tool')
    .option('--level <level>', 'suppose a badge of this trust level, 0 to 4', oneOf([0, 1, 2, 3, 4] as const))
    .option('--ial <ial>', 'suppose a badge of this identity assurance level, 0 or 1', oneOf([0, 1] as const))
    .option('--api-key', 'suppose a caller with an API key', false)
    .option('--anonymous', 'suppose a caller without credential', false)
    .option('--policy <file>', 'policy file')
    .option('--config <file>', 'configuration file')
    .option('--json', 'print JSON', false)
    .addHelpText('after', EXPLAIN_HELP)
    .action((flags: ExplainFlags, command: Command) => explain(flags, command, io))
}

interface ExplainFlags {
  readonly tool: string
  readonly level?: MinTrustLevel
  readonly ial?: MinIal
  readonly apiKey: boolean
  readonly anonymous: boolean
  readonly policy?: string
  readonly config?: string
  readonly json: boolean
}

function check(file: string, json: boolean, io: CliIo): void {
  const policy = readPolicy(file)
  if (!isPolicy(policy)) {
    printRefusal(io, json, policy)
    return
  }
  const rules = policy.rules.length
  if (json) {
    printJson(io, { valid: true, policyVersion: policy.version, rules, hasDefault: policy.default !== undefined })
    return
  }
  const fallback = policy.default === undefined ? 'not allowed, because there is no default' : 'under the default'
  printTable(io, [
    ['policy', `valid, ${rules} ${rules === 1 ? 'rule' : 'rules'}`],
    ['version', policy.version],
    ['other tools', fallback],
  ])
}

function explain(flags: ExplainFlags, command: Command, io: CliIo): void {
  const caller = supposedCaller(flags, command)
  const policy = policyToExplain(flags, io)
  if (!isPolicy(policy)) {
    printRefusal(io, flags.json, policy)
    return
  }
  const explanation = explainTool(policy, flags.tool, caller)
  if (explanation.verdict?.outcome === 'DENY') io.setExitCode(EXIT_FAILURE)
  if (flags.json) printJson(io, explanation)
  else printTable(io, explanationRows(explanation))
}

function supposedCaller({ level, ial, apiKey, anonymous }: ExplainFlags, command: Command): SupposedCaller | undefined {
  const badge = level !== undefined || ial !== undefined
  if ([badge, apiKey, anonymous].filter(Boolean).length > 1) {
    command.error('error: a caller has a badge (--level, --ial), an API key or nothing: give one.', {
      exitCode: 2,
      code: 'capiscio.oneCaller',
    })
  }
  if (badge) return { credential: 'badge', trustLevel: level ?? 0, ial: ial ?? 0 }
  if (apiKey) return { credential: 'apiKey' }
  return anonymous ? { credential: 'anonymous' } : undefined
}

function policyToExplain({ policy, config }: ExplainFlags, io: CliIo): Policy | readonly PrintedProblem[] {
  if (policy !== undefined) return readPolicy(policy)
  try {
    const flags = config === undefined ? {} : { config }
    const { policyFile } = loadConfig({ command: 'serve', flags, env: io.env }).config
    return policyFile === undefined ? NO_POLICY : readPolicy(policyFile)
  } catch (refused) {
    if (refused instanceof ConfigRefused) return refused.problems
    throw refused
  }
}

function readPolicy(file: string): Policy | readonly PrintedProblem[] {
  let bytes: Uint8Array
  try {
    bytes = readBoundedFile(resolve(file), MAX_POLICY_BYTES)
  } catch (cause) {
    return [{ source: file, reason: cause instanceof Error ? cause.message : String(cause) }]
  }
  try {
    return parsePolicyFile(bytes)
  } catch (refused) {
    if (!(refused instanceof PolicyRefused)) throw refused
    return refused.problems.map(({ line, column, reason }) => ({ source: `${file}:${line}:${column}`, reason }))
  }
}

function isPolicy(read: Policy | readonly PrintedProblem[]): read is Policy {
  return !Array.isArray(read)
}

function explanationRows(explanation: PolicyExplanation): readonly (readonly string[])[] {
  const { tool, policyVersion, rules, requirement, sources, verdict } = explanation
  const { denied, listed, minTrustLevel, minIal, requireBadge, issuers, audiences } = requirement
  const from = (demanded: readonly DemandSource[]): string =>
    demanded.length === 0 ? '' : `from ${demanded.map((source) => showSource(source, rules)).join(', ')}`
  return [
    ['tool', JSON.stringify(tool)],
    ['policy', policyVersion],
    ...(rules.length === 0 ? [['rule', 'none matches']] : []),
    ...rules.map(({ index, line, matchedBy }) => [
      'rule',
      `tools[${index}] in line ${line}, by ${matchedBy.map((pattern) => JSON.stringify(pattern)).join(', ')}`,
    ]),
    ['listed', listed ? 'yes' : 'no: no rule matches and there is no default'],
    ['denied', denied ? 'to everyone' : 'no', from(sources.denied)],
    ['trust level', `${minTrustLevel} or higher`, from(sources.minTrustLevel)],
    ['assurance', `${minIal} or higher`, from(sources.minIal)],
    ['badge', requireBadge ? 'required' : 'not required', from(sources.requireBadge)],
    ['issuers', issuers === undefined ? 'any trusted one' : issuers.join(', ') || 'none fits', from(sources.issuers)],
    ...(audiences.length === 0 ? [['audience', 'the core itself']] : []),
    ...audiences.map((list) => ['audience', `one of ${list.join(', ')}`, from(sources.audiences)]),
    ...(verdict === undefined ? [] : [['caller', `${verdict.reason ?? verdict.outcome}: ${verdict.message}`]]),
  ]
}

function showSource(source: DemandSource, rules: PolicyExplanation['rules']): string {
  const line = rules.find(({ index }) => index === source)?.line
  return line === undefined ? 'default' : `tools[${source}] in line ${line}`
}

function oneOf<T extends number>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((one) => String(one) === text)
    if (value === undefined) throw new InvalidArgumentError(`Write one of ${values.join(', ')}.`)
    return value
  }
}
