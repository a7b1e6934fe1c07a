// The script of the page under test: what `@capiscio/mcp-browser` exports, where tests can reach it.
import * as sdk from '@capiscio/mcp-browser'
import * as verify from '@capiscio/mcp-browser/verify'
import { judgeBadgeVector } from '../tools/judge-badge-vector.ts'

Object.assign(globalThis, { sdk, verify, judgeBadgeVector })
