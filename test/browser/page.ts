// The script of the page under test: what `@capiscio/mcp-browser` exports, where tests can reach it.
import * as sdk from '@capiscio/mcp-browser'

Object.assign(globalThis, { sdk })
