import dns from 'node:dns/promises'
import { syncBuiltinESMExports } from 'node:module'

// Loaded before a program: its lookups never end and keep the process alive, as those of the
// system's resolver do.
dns.lookup = (() => new Promise((resolve) => setTimeout(resolve, 2 ** 31 - 1))) as unknown as typeof dns.lookup
syncBuiltinESMExports()
