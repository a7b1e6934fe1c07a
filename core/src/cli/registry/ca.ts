import type { Command } from 'commander'
import { createNodeEd25519Signer } from '../../adapters/crypto/node-ed25519.ts'
import { addCaKey } from '../../adapters/registry/ca-key-files.ts'
import { CA_KEY_LEAD_MS, type CaKey, decideCaKeyRoles } from '../../domain/registry/ca-keys.ts'
import { newCaKey } from '../../setup/registry/init-registry.ts'
import { loadCaKeys, registryFolders } from '../../setup/registry/registry-files.ts'
import { type CliIo, printJson, printTable } from '../print.ts'
import { exampleHelp, placeOptions, type RegistryCommandFlags, registryConfig, withRegistry } from './with-registry.ts'

const HELP = `
Example:
  $ capiscio registry ca rotate

The new key is published at once and used ${CA_KEY_LEAD_MS / 60_000} minutes later, when verifiers know it. The old one stays
published until its last badge has expired.
Exit codes: 0 done, 1 refused, 2 wrong usage.
`

/** `capiscio registry ca`: the keys that badges are signed with. */
export function addRegistryCaCommands(registry: Command, io: CliIo): void {
  const group = registry.command('ca').description('look at the CA keys and replace the one in use')

  placeOptions(group.command('show').description('list the CA keys, without their private halves'))
    .addHelpText('after', exampleHelp('ca show'))
    .action(async (flags: RegistryCommandFlags) => {
      const keys = (await loadCaKeys(registryConfig(flags, io))).map((key, _index, all) => described(key, all))
      if (flags.json) printJson(io, keys)
      else
        printTable(io, [
          ['KID', 'STATE', 'ACTIVE FROM'],
          ...keys.map(({ kid, state, activeFrom }) => [kid, state, activeFrom]),
        ])
    })

  placeOptions(group.command('rotate').description('make a new CA key and go over to it'))
    .addHelpText('after', HELP)
    .action((flags: RegistryCommandFlags) =>
      withRegistry(flags, io, async ({ context, trail }, config) => {
        const nowMs = context.clock.nowMs()
        const key = newCaKey(context.random, nowMs, nowMs + CA_KEY_LEAD_MS)
        const activeFrom = new Date(key.activeFromMs).toISOString()
        const details = { actor: 'operator', ca_kid: key.kid, active_from: activeFrom }
        await context.store.addAudit(trail.entry('ca_key_added', details))
        await trail.flush()
        // Its record first: no badge may be signed with a key that nothing tells of.
        await addCaKey(registryFolders(config).caKeys, key, createNodeEd25519Signer)
        if (flags.json) printJson(io, { kid: key.kid, activeFrom })
        else io.stdout(`${key.kid} is published, and signs from ${activeFrom} on.\n`)
      }),
    )
}

function described({ kid, activeFromMs }: CaKey, all: readonly CaKey[]) {
  const nowMs = Date.now()
  const { signing, published } = decideCaKeyRoles(all, nowMs)
  const isPublished = published.some((key) => key.kid === kid)
  const waiting = activeFromMs > nowMs
  const state =
    kid === signing.kid ? 'signing' : waiting ? 'published, waiting' : isPublished ? 'published, draining' : 'retired'
  return { kid, state, activeFrom: new Date(activeFromMs).toISOString() }
}
