import base64, socket, struct, sys
from noise.connection import NoiseConnection  # pip install noiseprotocol

host, port, key_file, *messages = sys.argv[1:]
peer = socket.create_connection((host, int(port)))
incoming = peer.makefile('rb')

def take(count):
    taken = incoming.read(count)
    return taken if len(taken) == count else sys.exit('the connection was cut off')

def receive():
    size, = struct.unpack('!H', take(2))
    return take(size)

def send(message):
    peer.sendall(struct.pack('!H', len(message)) + message)

hello = bytes.fromhex('f1 52 46 4e 01 0d 0a 00')
link = NoiseConnection.from_name(b'Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s')
link.set_as_initiator()
link.set_prologue(hello)
link.set_psks(base64.b64decode(open(key_file).read()))
link.start_handshake()
peer.sendall(hello)
send(link.write_message())
link.read_message(receive())

def write(data):
    for at in range(0, len(data), 4096):
        send(link.encrypt(data[at:at + 4096]))

plaintext = bytearray()

def read(count):
    while len(plaintext) < count:
        plaintext.extend(link.decrypt(receive()) or sys.exit('the server has ended the link'))
    data = bytes(plaintext[:count])
    del plaintext[:count]
    return data

for message in messages:
    payload = message.encode()
    write(struct.pack('!I', len(payload)) + payload)
    size, = struct.unpack('!I', read(4))
    print(read(size).decode())

send(link.encrypt(b''))  # the end of what is sent, followed by the connection's
peer.shutdown(socket.SHUT_WR)
if link.decrypt(receive()) or incoming.read(1):
    sys.exit('the server said more than it was asked')
