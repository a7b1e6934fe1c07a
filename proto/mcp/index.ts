// What guards and clients make of MCP messages, without any I/O and for both eras: reading who
// calls, disclosing who serves, denying, listing, and giving receipts.
export * from './caller.ts'
export * from './denial.ts'
export * from './handshake.ts'
export * from './messages.ts'
export * from './receipt.ts'
export * from './tool-listing.ts'
