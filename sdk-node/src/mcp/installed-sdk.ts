import { CapiscioError } from '@capiscio/proto/sdk'

/** No MCP SDK is installed beside this one. */
export class McpSdkNotFoundError extends CapiscioError {
  override readonly name = 'McpSdkNotFoundError'
  readonly code = 'MCP_SDK_NOT_FOUND'
}

type Module = Readonly<Record<string, unknown>>

/**
 * Imports the first of several groups of modules that is installed, all names of a group in one object. The specifiers are variables, so that
 * neither compilers nor bundlers want all of them.
 *
 * @throws McpSdkNotFoundError naming what to install.
 */
export async function importFirst<T>(
  candidates: readonly (readonly [modules: readonly string[], use: (names: Module) => T])[],
  install: string,
): Promise<T> {
  for (const [specifiers, use] of candidates) {
    try {
      const modules = await Promise.all(specifiers.map((specifier): Promise<Module> => import(specifier)))
      return use(Object.assign({}, ...modules))
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  throw new McpSdkNotFoundError(`No MCP SDK is installed here: npm install ${install}`)
}

function isMissing(error: unknown): boolean {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED'
}
