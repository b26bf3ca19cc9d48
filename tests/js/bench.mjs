// Operations per CPU-second of the libraries, for benchmarks/events.py (JSON on standard output).
import { createSignedInitEvent, eventFromString, eventToContainer, eventToString, InitEventPayload } from '@ceramic-sdk/events'
import { StreamID } from '@ceramic-sdk/identifiers'
import { identity, standardInput } from './lib.mjs'

const { keys, content, model, rounds } = await standardInput()
const [alice, bob] = await Promise.all(keys.map((key) => identity(key)))
const header = { model: StreamID.fromString(model), sep: 'model', unique: new Uint8Array(12) }

const cpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

async function rate(work) {
  for (let i = 0; i < rounds; i++) await work(i)
  const start = cpu()
  for (let i = 0; i < rounds; i++) await work(i)
  return rounds / (cpu() - start)
}

const events = []
const sealed = []
const sign = await rate(async (i) => {
  events[i] = await createSignedInitEvent(alice, { ...content, i }, header)
})
const texts = events.map((event) => eventToString(InitEventPayload, event))
const verify = await rate((i) => eventToContainer(alice, InitEventPayload, eventFromString(InitEventPayload, texts[i])))
const encrypt = await rate(async (i) => {
  sealed[i] = await alice.createDagJWE({ ...content, i }, [bob.id])
})
// Decrypting changes the object that it is given.
const copies = [...sealed, ...sealed].map((jwe) => JSON.stringify(jwe))
const decrypt = await rate((i) => bob.decryptDagJWE(JSON.parse(copies[i])))
process.stdout.write(JSON.stringify({ sign, verify, encrypt, decrypt }))
