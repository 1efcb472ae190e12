// Segment's action kit behind a plain server: PORT, then one base URL for each destination; all are told, then it answers.
'use strict'

const http = require('http')
const { Destination } = require('@segment/actions-core')

const [port, ...vendors] = process.argv.slice(2)

const text = (label) => ({ label, description: label, type: 'string' })

const click = {
  title: 'Click',
  description: 'Tell of a click',
  defaultSubscription: 'type = "track"',
  fields: {
    user: { ...text('User'), required: true },
    session: { ...text('Session'), required: true },
    ip: text('Address'),
    agent: text('Agent'),
    location: { ...text('Page'), required: true },
    engagements: {
      label: 'Engagements',
      description: 'What was clicked',
      type: 'object',
      multiple: true,
      required: true,
      properties: {
        type: { ...text('Type'), required: true },
        decisionId: { ...text('Decision'), required: true },
        variations: { ...text('Variations'), multiple: true }
      }
    }
  },
  perform: (request, { payload, settings }) =>
    request(`${settings.base}/ssapi/engagement`, {
      method: 'post',
      json: {
        user: { id: payload.user },
        session: { custom: payload.session },
        context: {
          page: { type: 'OTHER', data: [], location: payload.location },
          device: { userAgent: payload.agent, ip: payload.ip }
        },
        engagements: payload.engagements
      }
    })
}

const mapping = {
  user: { '@path': '$.properties.user.id' },
  session: { '@path': '$.properties.session.custom' },
  ip: { '@path': '$.properties.context.device.ip' },
  agent: { '@path': '$.context.userAgent' },
  location: 'https://shop.example/',
  engagements: {
    '@arrayPath': [
      '$.properties.engagements',
      {
        type: { '@path': '$.type' },
        decisionId: { '@path': '$.decisionId' },
        variations: { '@path': '$.variations' }
      }
    ]
  }
}

const destinations = vendors.map((base, index) => ({
  destination: new Destination({
    name: `vendor-${index}`,
    mode: 'cloud',
    authentication: {
      scheme: 'custom',
      fields: { key: { ...text('Key'), required: true }, base: { ...text('Address'), required: true } }
    },
    extendRequest: ({ settings }) => ({ headers: { authorization: `Bearer ${settings.key}` } }),
    actions: { click }
  }),
  settings: { key: 'gf-key', base, subscription: { partnerAction: 'click', subscribe: 'type = "track"', mapping } }
}))

async function take(request, body) {
  if (request.headers['dy-api-key'] !== 'shop-key') return 401
  const properties = JSON.parse(body)
  const context = { userAgent: request.headers['user-agent'] }
  const event = { type: 'track', event: 'Click', userId: properties.user.id, properties, context }
  await Promise.all(destinations.map((one) => one.destination.onEvent(event, one.settings)))
  return 204
}

const server = http.createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', async () => {
    let status = 502
    try {
      status = await take(request, Buffer.concat(chunks).toString())
    } catch (error) {
      console.error(error.message)
    }
    response.writeHead(status, { 'content-length': 0 })
    response.end()
  })
})
server.keepAliveTimeout = 60000
server.listen(Number(port), '127.0.0.1')
