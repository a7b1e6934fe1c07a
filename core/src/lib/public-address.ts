import { BlockList, isIP } from 'node:net'

/** IPv4 networks that are not the public Internet (badges.md §10; IANA special-purpose registry). */
const FORBIDDEN_IPV4 = networks('ipv4', [
  '0.0.0.0/8', // this host
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carrier-grade NAT
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, metadata services
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
])

/**
 * Global unicast. What lies outside is forbidden as a whole: `::`, `::1`, `fc00::/7`, `fe80::/10`,
 * `ff00::/8`, and the spellings that carry an IPv4 address: mapped, compatible, translated
 * (`64:ff9b::/96`, `64:ff9b:1::/48`).
 */
const GLOBAL_IPV6 = networks('ipv6', ['2000::/3'])

/** What global unicast holds back: tunnels that carry an IPv4 address, protocols, documentation. */
const FORBIDDEN_IPV6 = networks('ipv6', [
  '2001::/23', // protocol assignments, Teredo
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4
  '3fff::/20', // documentation
])

/**
 * Whether an IP address may belong to a stranger's server. `false` for loopback, private,
 * link-local, multicast, reserved and documentation networks, for IPv6 addresses that carry
 * an IPv4 one, and for every text that is not an address.
 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !FORBIDDEN_IPV4.check(address)
    case 6:
      // A zone names an interface of this machine.
      if (address.includes('%')) return false
      return GLOBAL_IPV6.check(address, 'ipv6') && !FORBIDDEN_IPV6.check(address, 'ipv6')
    default:
      return false
  }
}

/** Whether an IP address, without brackets, is this machine's own: `127.0.0.0/8` or `::1`. */
export function isLoopbackAddress(address: string): boolean {
  return isIP(address) === 4 ? address.startsWith('127.') : address === '::1'
}

function networks(family: 'ipv4' | 'ipv6', prefixes: readonly string[]): BlockList {
  const list = new BlockList()
  for (const prefix of prefixes) {
    const [network = '', bits] = prefix.split('/')
    list.addSubnet(network, Number(bits), family)
  }
  return list
}
