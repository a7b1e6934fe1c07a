import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'

const EXECUTABLE = '/usr/bin/chromium'

/** Whether there is a browser to test with. Says so on the console where there is none. */
export function hasChromium(): boolean {
  const found = existsSync(EXECUTABLE)
  if (!found) console.log(`There is no ${EXECUTABLE} (apt-get install chromium): the tests in a browser are skipped.`)
  return found
}

/** A browser without a past, and without errands of its own on the network. */
export interface TestBrowser extends AsyncDisposable {
  readonly context: BrowserContext
}

export async function startChromium(): Promise<TestBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'capiscio-chromium-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  return {
    context,
    async [Symbol.asyncDispose]() {
      await context.close()
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
