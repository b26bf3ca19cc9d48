// Talks to a node with the unmodified client and says what it heard.
import { createSignedInitEvent, decodeMultibaseToJSON, InitEventPayload, SignedEvent, signEvent } from '@ceramic-sdk/events'
import { CeramicClient } from '@ceramic-sdk/http-client'
import { StreamID } from '@ceramic-sdk/identifiers'
import { identity, standardInput } from './lib.mjs'

const { url, keys, model, contents } = await standardInput()
const client = new CeramicClient({ url })
const [author, stranger] = await Promise.all(keys.map((key) => identity(key)))
const modelID = StreamID.fromString(model)
const refusal = (promise) => promise.then(() => null, (error) => String(error.message))

const cids = []
const heard = []
for (const content of contents) {
  const event = await createSignedInitEvent(author, content, { model: modelID, sep: 'model' })
  cids.push(await client.postEventType(SignedEvent, event))
  heard.push((await client.getEventType(InitEventPayload, cids.at(-1).toString())).cid?.toString() ?? null)
}
const change = { id: cids[0], prev: cids[0], data: [{ op: 'add', path: '/more', value: 1 }] }
const data = await client.postEventType(SignedEvent, await signEvent(author, change))
const twice = await refusal(client.postEventType(SignedEvent, await signEvent(author, change)))
const impostor = await refusal(client.postEventType(SignedEvent, await signEvent(stranger, { ...change, prev: data })))
await client.registerInterestModel(model)

const feed = await client.getEventsFeed()
const query = { includeData: 'full', limit: 2, resumeAt: '1' }
const page = await client.api.GET('/feed/events', { params: { query } })
const token = await client.api.GET('/feed/resumeToken')
const matching = await client.api.GET('/experimental/events/{sep}/{sepValue}', {
  params: { path: { sep: 'model', sepValue: model }, query: { limit: 3 } },
})
const interests = await client.api.GET('/experimental/interests')
const stream = new StreamID('MID', cids[0]).toString()
const state = await client.api.GET('/streams/{stream_id}', { params: { path: { stream_id: stream } } })
const missing = await client.api.GET('/events/{event_id}', { params: { path: { event_id: model.replace(/./g, 'b') } } })

console.log(
  JSON.stringify({
    version: (await client.getVersion()).version,
    cids: [...cids, data].map(String),
    twice,
    impostor,
    feed: feed.events.map((event) => event.id),
    token: [feed.resumeToken, token.data.resumeToken, page.data.resumeToken],
    page: page.data.events,
    car: await client.getEventData(cids[0].toString()),
    roots: (await client.getEventCAR(data.toString())).roots.map(String),
    matching: { ...matching.data, events: matching.data.events.map((event) => event.id) },
    interests: interests.data.interests.length,
    state: { ...state.data, content: decodeMultibaseToJSON(state.data.data).content },
    missing: missing.response.status,
  }),
)
