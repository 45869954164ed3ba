// Messages over TCP by it-length-prefixed, as libp2p has them: a varint, then the message.
//
//     node varint.mjs server              echoes one client's messages; its first line is the port
//     node varint.mjs client HOST PORT    sends the messages of standard input
//
// One message a line, in hexadecimal; both print every message that they receive.
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { decode, encode } from 'it-length-prefixed'

const [role, host, port] = process.argv.slice(2)

// Each message as it comes, printed.
async function * received (peer) {
  for await (const message of decode(peer)) {
    const bytes = message.subarray()
    process.stdout.write(Buffer.from(bytes).toString('hex') + '\n')
    yield bytes
  }
}

if (role === 'server') {
  const server = net.createServer(async peer => {
    server.close()
    await pipeline(encode(received(peer)), peer)
  })
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))
} else {
  const lines = (await text(process.stdin)).split('\n').slice(0, -1)
  const messages = lines.map(line => Buffer.from(line, 'hex'))
  const peer = net.connect(Number(port), host)
  // Sent while replies are read: who only sends at first waits, in the end, for a server that waits to be read.
  const sent = pipeline(encode(messages), peer, { end: false })
  let missing = messages.length
  for await (const _ of received(peer)) {
    if (--missing === 0) break
  }
  await sent
  peer.end()
}
