// Reads what the bridge wrote (JSON on standard input) and says what the libraries make of it.
import { carFromString, decodeTimeEvent, eventFromString, eventToString, getSignedEventPayload, InitEventPayload } from '@ceramic-sdk/events'
import { CommitID, StreamID } from '@ceramic-sdk/identifiers'
import { DocumentDataEventPayload, getDeterministicStreamID } from '@ceramic-sdk/model-instance-protocol'
import { Cacao } from '@didtools/cacao'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJose from 'dag-jose'
import { DID } from 'dids'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { bytes, hex, identity, resolver, standardInput, verifiers } from './lib.mjs'

const reader = new DID({ resolver })

async function verifyEvent({ car, issuer, payload }) {
  const codec = payload === 'data' ? DocumentDataEventPayload : InitEventPayload
  const event = eventFromString(codec, car)
  const capability = event.cacaoBlock && (await Cacao.fromBlockBytes(event.cacaoBlock))
  await reader.verifyJWS(event.jws, { issuer, capability, verifiers })
  // For its checks only: the codec of data events adds an empty header where there is none.
  await getSignedEventPayload(codec, event)
  return {
    cid: carFromString(car).roots[0].toString(),
    payload: hex(dagCbor.encode(dagCbor.decode(event.linkedBlock))),
    car: eventToString(codec, event),
  }
}

async function verifyTimeEvent({ car }) {
  const file = carFromString(car)
  const event = decodeTimeEvent(file.get(file.roots[0]))
  const proof = file.get(event.proof)
  let at = proof.root
  for (const branch of event.path.split('/').filter(Boolean)) at = file.get(at)[Number(branch)]
  for (const block of file.blocks) {
    const digest = await sha256.digest(block.payload)
    if (hex(digest.bytes) !== hex(block.cid.multihash.bytes)) throw new Error('hash')
  }
  return { cid: file.roots[0].toString(), reached: at.toString(), prev: event.prev.toString(), ...proof, root: proof.root.toString(), txHash: hex(proof.txHash.multihash.digest) }
}

async function open({ reader: key, block, json, raw }) {
  const jwe = json ?? dagJose.decode(bytes(block))
  const did = await identity(key)
  if (raw) return hex(await did.decryptJWE(jwe))
  return hex(dagCbor.encode(await did.decryptDagJWE(jwe)))
}

const attempt = async (f, input) => {
  try {
    return await f(input)
  } catch (error) {
    return { error: String(error.message ?? error) }
  }
}

const all = (f, inputs = []) => Promise.all(inputs.map((input) => attempt(f, input)))
const input = await standardInput()
const output = {
  events: await all(verifyEvent, input.events),
  times: await all(verifyTimeEvent, input.times),
  jwes: await all(open, input.jwes),
  cbor: await all(async (block) => hex(dagCbor.encode(dagCbor.decode(bytes(block)))), input.cbor),
  json: await all(async (text) => hex(dagCbor.encode(JSON.parse(text))), input.json),
  streams: await all(async (text) => hex(StreamID.fromString(text).bytes), input.streams),
  commits: await all(async (text) => hex(CommitID.fromString(text).bytes), input.commits),
  cids: await all(async (text) => hex(CID.parse(text).bytes), input.cids),
  deterministic: await all(async ({ controller, model, unique }) => {
    const header = { controllers: [controller], model: StreamID.fromString(model), sep: 'model' }
    if (unique !== null) header.unique = bytes(unique)
    return getDeterministicStreamID(header).toString()
  }, input.deterministic),
}
process.stdout.write(JSON.stringify(output))
