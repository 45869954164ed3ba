"""Messages over TCP by Twisted's Int8-, Int16- and Int32StringReceiver: u8, u16be and u32be.

    twisted_strings.py server BITS              echoes one client's messages; its first line is the port
    twisted_strings.py client HOST PORT BITS    sends the messages of standard input

One message a line, in hexadecimal; both print every message that they receive. BITS is 8, 16 or 32.
"""
import sys
from twisted.internet import reactor
from twisted.internet.protocol import ClientFactory, Factory
from twisted.protocols import basic

role, *address, bits = sys.argv[1:]
Receiver = getattr(basic, f'Int{bits}StringReceiver')


class Server(Receiver):
    def stringReceived(self, message):
        self.sendString(message)
        print(message.hex())

    def connectionLost(self, reason):
        reactor.stop()


class Client(Receiver):
    def connectionMade(self):
        self.missing = len(messages)
        for message in messages:
            self.sendString(message)

    def stringReceived(self, message):
        print(message.hex())
        self.missing -= 1
        if not self.missing:
            self.transport.loseConnection()

    def connectionLost(self, reason):
        reactor.stop()


if role == 'server':
    port = reactor.listenTCP(0, Factory.forProtocol(Server), interface='127.0.0.1')
    print(port.getHost().port, flush=True)
else:
    messages = [bytes.fromhex(line) for line in sys.stdin]
    host, port = address
    reactor.connectTCP(host, int(port), ClientFactory.forProtocol(Client))
reactor.run()
