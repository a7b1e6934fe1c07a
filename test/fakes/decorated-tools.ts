// Compiled by `tsc` and run by a test: decorators are syntax that Node does not parse yet.
import { type CoreClient, createCoreClient, GuardError, guarded } from '@capiscio/mcp'

const [address = ''] = process.argv.slice(2)
const client: CoreClient = createCoreClient({ address })

class Rows {
  static readonly table = 'users'
  readonly #rows: readonly string[]

  constructor(...rows: string[]) {
    this.#rows = rows
  }

  @guarded({ minTrustLevel: 2, client })
  async read_rows({ from }: { from: number }): Promise<string[]> {
    return this.#rows.slice(from)
  }

  @guarded({ tool: 'rows/count', client })
  async count(): Promise<number> {
    return this.#rows.length
  }

  @guarded({ client })
  static async describe(): Promise<string> {
    return `rows of ${Rows.table}`
  }

  @guarded({ client })
  async #secret(word: string): Promise<string> {
    return `${word} of ${this.#rows.length}`
  }

  secret(word: string): Promise<string> {
    return this.#secret(word)
  }

  @guarded({
    client,
    params: (args: { path: string }) => args,
    signal: (_args: { path: string }, context: { at: Date; signal: AbortSignal }) => context.signal,
  })
  async with_context(args: { path: string }, context: { at: Date; signal: AbortSignal }): Promise<string> {
    return `${args.path} ${context.at.toISOString()}`
  }

  @guarded({ client })
  async drop_rows(): Promise<string> {
    return 'dropped'
  }
}

class MoreRows extends Rows {
  override async read_rows(args: { from: number }): Promise<string[]> {
    return [...(await super.read_rows(args)), 'more']
  }
}

async function outcome(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call()
  } catch (error) {
    return error instanceof GuardError ? `${error.tool}: ${error.code}` : String(error)
  }
}

const rows = new Rows('a', 'b', 'c')
const shown = {
  read: await outcome(() => rows.read_rows({ from: 1 })),
  other: await outcome(() => new Rows('x').read_rows({ from: 0 })),
  inherited: await outcome(() => new MoreRows('y').read_rows({ from: 0 })),
  count: await outcome(() => rows.count()),
  static: await outcome(() => Rows.describe()),
  private: await outcome(() => rows.secret('word')),
  context: await outcome(() =>
    rows.with_context({ path: '/a' }, { at: new Date(0), signal: new AbortController().signal }),
  ),
  denied: await outcome(() => rows.drop_rows()),
  name: [rows.read_rows.name, rows.read_rows.length, Rows.describe.name],
}
console.log(JSON.stringify(shown))
await client[Symbol.asyncDispose]()
