import { builtinModules } from 'node:module'
import { rolldown } from 'rolldown'

/** One script for a page, and where it came from. */
export interface Bundle {
  readonly code: string
  /** Every file that went in. */
  readonly files: readonly string[]
  /** Imports of Node's own modules, and of what does not resolve, as `SPECIFIER from FILE`. */
  readonly notForBrowsers: readonly string[]
}

const BUILTINS = new Set(builtinModules)

/** Bundles an entry as its users would for a browser, with everything that it imports. */
export async function bundleForBrowser(entry: string): Promise<Bundle> {
  const files: string[] = []
  const notForBrowsers: string[] = []
  const watch = {
    name: 'watch-imports',
    async resolveId(this: Resolver, source: string, importer: string | undefined) {
      const nodeOnly = source.startsWith('node:') || BUILTINS.has(source)
      const found = nodeOnly ? null : await this.resolve(source, importer, { skipSelf: true })
      if (found !== null && !found.external) return found
      notForBrowsers.push(`${source} from ${importer}`)
      return { id: source, external: true }
    },
    moduleParsed: ({ id }: { readonly id: string }) => void files.push(id),
  }
  // Nothing shaken off: what is imported is reachable, used or not.
  const build = await rolldown({ input: entry, platform: 'browser', treeshake: false, plugins: [watch] })
  const { output } = await build.generate({ format: 'esm' })
  await build.close()
  return { code: output.map((part) => (part.type === 'chunk' ? part.code : '')).join('\n'), files, notForBrowsers }
}

interface Resolver {
  resolve(
    source: string,
    importer: string | undefined,
    options: { readonly skipSelf: true },
  ): Promise<{ readonly id: string; readonly external: boolean | 'relative' | 'absolute' } | null>
}
