import { createNodeEs256Verifier } from '../../core/src/adapters/crypto/node-es256.ts'
import { textbookEs256 } from '../fakes/textbook-es256.ts'
import { es256VerifierContract } from './es256-verifier.contract.ts'

es256VerifierContract('of the runtime', () => createNodeEs256Verifier({ maxKeys: 100 }))
es256VerifierContract('of the runtime, when it keeps one key', () => createNodeEs256Verifier({ maxKeys: 1 }))
es256VerifierContract('by the formulas', () => textbookEs256)
