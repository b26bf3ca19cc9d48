// What both directions share: identities from seeds, a wallet, and the libraries' own names.
import { createRequire } from 'node:module'
import { getAccountId, EthereumNodeAuth, getEIP191Verifier } from '@didtools/pkh-ethereum'
import { secp256k1 } from '@noble/curves/secp256k1'
import { keccak_256 } from '@noble/hashes/sha3'
import { DID } from 'dids'
import { Ed25519Provider } from 'key-did-provider-ed25519'
import { Secp256k1Provider } from 'key-did-provider-secp256k1'
import KeyResolver from 'key-did-resolver'

export const hex = (bytes) => Buffer.from(bytes).toString('hex')
export const bytes = (text) => new Uint8Array(Buffer.from(text, 'hex'))
export const resolver = KeyResolver.getResolver()
export const verifiers = getEIP191Verifier()

const providers = { ed25519: Ed25519Provider, secp256k1: Secp256k1Provider }

export async function identity({ kind, secret }, options = {}) {
  const did = new DID({ provider: new providers[kind](bytes(secret)), resolver, ...options })
  await did.authenticate()
  return did
}

// A wallet that signs whatever it is asked to, as personal_sign does.
export class Wallet {
  constructor(secret) {
    this.secret = bytes(secret)
    const point = secp256k1.getPublicKey(this.secret, false)
    this.address = `0x${hex(keccak_256(point.slice(1)).slice(-20))}`
  }

  async request({ method, params }) {
    if (method === 'eth_chainId') return '0x1'
    const text = Buffer.from(params[0].slice(2), 'hex')
    const head = Buffer.from(`\x19Ethereum Signed Message:\n${text.length}`)
    const signature = secp256k1.sign(keccak_256(Buffer.concat([head, text])), this.secret)
    return `0x${signature.toCompactHex()}${(27 + signature.recovery).toString(16)}`
  }

  async grant(options) {
    const method = await EthereumNodeAuth.getAuthMethod(this, await getAccountId(this, this.address), 'js.example')
    return method(options)
  }
}

export async function standardInput() {
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}

export const versions = () => {
  const own = createRequire(import.meta.url)('./package.json').devDependencies
  return Object.fromEntries(Object.entries(own).sort())
}
