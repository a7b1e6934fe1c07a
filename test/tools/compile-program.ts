import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from '../interop/run-program.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/**
 * Compiles one TypeScript file with the repository's own compiler, as a user of the packages
 * does, and resolves to the JavaScript in `folder`. Rejects with what the compiler says.
 */
export async function compileProgram(folder: string, name: string, source: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const options = {
    target: 'es2022',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules', '@types')],
    strict: true,
    skipLibCheck: true,
    outDir: 'out',
  }
  await writeFile(join(folder, `${name}.mts`), source)
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: [`${name}.mts`] }))
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules')).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await runProgram(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', folder])
  return join(folder, 'out', `${name}.mjs`)
}
