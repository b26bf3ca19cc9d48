// Writes events, capabilities and encrypted contents for the bridge to read (JSON on standard output).
import { createSignedInitEvent, eventToString, InitEventPayload, signEvent } from '@ceramic-sdk/events'
import { CommitID, StreamID } from '@ceramic-sdk/identifiers'
import { DocumentDataEventPayload, getDeterministicStreamID } from '@ceramic-sdk/model-instance-protocol'
import { MODEL } from '@ceramic-sdk/model-protocol'
import { Cacao, CacaoBlock, SiweMessage } from '@didtools/cacao'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJose from 'dag-jose'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { hex, identity, standardInput, verifiers, versions, Wallet } from './lib.mjs'

const { keys, wallet: secret, contents, texts, definitions, grants } = await standardInput()
const model = StreamID.fromString('kjzl6hvfrbw6cb6cwrj9bdykj3rw67um446y6oyi6kksmlio0fur7pwhc36b6ci')
const context = StreamID.fromString('kjzl6hvfrbw6ca4xwal2hbs9jfvfz9cpkf4bz3xtky8i0itrs27dhmt0pnjzi7w')

const cidOf = async (event) => CID.createV1(dagJose.code, await sha256.digest(dagJose.encode(event.jws)))

const described = async (codec, event, did, kind) => ({
  kind,
  car: eventToString(codec, event),
  cid: (await cidOf(event)).toString(),
  payload: hex(event.linkedBlock),
  signer: did.id,
  controller: did.hasParent ? did.parent : did.id,
})

async function stream(did, content, index) {
  const header = { model, sep: 'model', unique: new Uint8Array(12).fill(index) }
  if (index % 2) Object.assign(header, { context, shouldIndex: false })
  const init = await createSignedInitEvent(did, content, header)
  const id = await cidOf(init)
  const patch = [
    { op: 'add', path: '/more', value: { list: [1, 2.5, null], index } },
    { op: 'copy', from: '/more/list', path: '/copied' },
    { op: 'test', path: '/copied/1', value: 2.5 },
    { op: 'move', from: '/copied/2', path: '/moved' },
    { op: 'replace', path: '/more/index', value: -index },
    { op: 'remove', path: '/more/list/0' },
  ]
  const payload = { data: patch, id, prev: id, ...(index % 2 ? { header: { shouldIndex: true, modelVersion: model.cid } } : {}) }
  // The codec adds an empty header where there is none; clients of the network do both.
  const data = await signEvent(did, index % 3 ? DocumentDataEventPayload.encode(payload) : payload)
  const names = new StreamID(3, id)
  return {
    events: [await described(InitEventPayload, init, did, 'init'), await described(DocumentDataEventPayload, data, did, 'data')],
    stream: names.toString(),
    commits: [CommitID.fromStream(names).toString(), CommitID.fromStream(names, await cidOf(data)).toString()],
  }
}

async function session(index) {
  const wallet = new Wallet(secret)
  const key = keys[index % keys.length]
  const plain = await identity(key)
  const options = { uri: plain.id, resources: index % 2 ? ['ceramic://*'] : [`ceramic://*?model=${model}`] }
  if (index % 3 === 0) options.statement = 'Act for me'
  const capability = await wallet.grant(options)
  const did = await identity(key, { capability })
  const block = await CacaoBlock.fromCacao(capability)
  return { ...(await stream(did, contents[index % contents.length], index)), capability: hex(block.bytes), capabilityCid: block.cid.toString() }
}

// A capability from the fields of its text, which the library puts together and checks.
async function granted({ lower, ...fields }) {
  const wallet = new Wallet(secret)
  const message = new SiweMessage({ address: wallet.address, version: '1', ...fields })
  const text = lower ? message.toMessage() : message.toMessageEip55()
  message.signature = await wallet.request({ method: 'personal_sign', params: [`0x${hex(Buffer.from(text))}`] })
  const cacao = Cacao.fromSiweMessage(message)
  await Cacao.verify(cacao, { verifiers, disableExpirationCheck: true })
  const block = await CacaoBlock.fromCacao(cacao)
  return { text, fields: cacao.p, block: hex(block.bytes), cid: block.cid.toString() }
}

async function published(did, definition) {
  const event = await createSignedInitEvent(did, definition, { model: MODEL, sep: 'model' })
  return { ...(await described(InitEventPayload, event, did, 'init')), stream: new StreamID(2, await cidOf(event)).toString() }
}

const named = (type, cid) => {
  const stream = new StreamID(type, cid)
  const commits = [CommitID.fromStream(stream), CommitID.fromStream(stream, model.cid)]
  return { stream: stream.toString(), bytes: hex(stream.bytes), cid: cid.toString(), commits: commits.map((id) => [id.toString(), hex(id.bytes)]) }
}

async function sealed(content, index) {
  const dids = await Promise.all(keys.filter((key) => key.kind === 'ed25519').map((key) => identity(key)))
  const readers = dids.slice(0, 1 + (index % dids.length)).map((did) => did.id)
  const options = index % 2 ? { aad: new Uint8Array(Buffer.from(`aad ${index}`)) } : {}
  const jwe = await dids[0].createDagJWE(content, readers, options)
  return { readers, json: jwe, block: hex(dagJose.encode(jwe)), cleartext: hex(dagCbor.encode(content)) }
}

const unsigned = async (did, unique) => {
  const header = { controllers: [did.id], model, sep: 'model', ...(unique === null ? {} : { unique }) }
  const event = InitEventPayload.encode({ data: null, header })
  return { controller: did.id, unique: unique === null ? null : hex(unique), stream: getDeterministicStreamID(header).toString(), block: hex(dagCbor.encode(event)) }
}

const dids = await Promise.all(keys.map((key) => identity(key)))
process.stdout.write(
  JSON.stringify({
    libs: versions(),
    model: model.toString(),
    streams: await Promise.all(contents.flatMap((content, i) => dids.map((did, j) => stream(did, content, i + j)))),
    models: await Promise.all(definitions.flatMap((definition) => dids.map((did) => published(did, definition)))),
    grants: await Promise.all(grants.map(granted)),
    sessions: await Promise.all([0, 1, 2, 3].map(session)),
    jwes: await Promise.all(contents.map(sealed)),
    deterministic: await Promise.all(dids.flatMap((did) => [null, new Uint8Array(0), new Uint8Array(Buffer.from('a|b'))].map((unique) => unsigned(did, unique)))),
    ids: [0, 2, 3, 127, 128].flatMap((type) => [context.cid, MODEL.cid, CID.createV1(0x55, model.cid.multihash)].map((cid) => named(type, cid))),
    cbor: texts.map((text) => ({ json: text, hex: hex(dagCbor.encode(JSON.parse(text))) })),
  }),
)
