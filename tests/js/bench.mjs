// Seconds of CPU of the libraries, a slice of operations at a time, for benchmarks/events.py: the first
// line of standard input says what to work on, each further one what to do how often.
import { createInterface } from 'node:readline'
import { createSignedInitEvent, eventFromString, eventToContainer, eventToString, InitEventPayload } from '@ceramic-sdk/events'
import { StreamID } from '@ceramic-sdk/identifiers'
import { identity } from './lib.mjs'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const { keys, content, model, inputs } = JSON.parse((await lines.next()).value)
const [alice, bob] = await Promise.all(keys.map((key) => identity(key)))
const header = { model: StreamID.fromString(model), sep: 'model', unique: new Uint8Array(12) }

const sign = (i) => createSignedInitEvent(alice, { ...content, i }, header)
const encrypt = (i) => alice.createDagJWE({ ...content, i }, [bob.id])
const texts = []
const sealed = []
for (let i = 0; i < inputs; i++) {
  texts.push(eventToString(InitEventPayload, await sign(i)))
  // Decrypting changes the object that it is given.
  sealed.push(JSON.stringify(await encrypt(i)))
}
const work = {
  sign,
  verify: (i) => eventToContainer(alice, InitEventPayload, eventFromString(InitEventPayload, texts[i])),
  encrypt,
  decrypt: (i) => bob.decryptDagJWE(JSON.parse(sealed[i])),
}

const cpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

for await (const line of lines) {
  const { name, count } = JSON.parse(line)
  const start = cpu()
  for (let i = 0; i < count; i++) await work[name](i % inputs)
  process.stdout.write(`${cpu() - start}\n`)
}
