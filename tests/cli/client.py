import socket, struct, sys

host, port, prefix, *messages = sys.argv[1:]
peer = socket.create_connection((host, int(port))).makefile('rwb')
for message in messages:
    body = message.encode()
    peer.write(struct.pack(prefix, len(body)) + body)
    peer.flush()
    size, = struct.unpack(prefix, peer.read(struct.calcsize(prefix)))
    print(peer.read(size).decode())
