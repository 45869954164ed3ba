"""Messages over TCP, each behind its length, with nothing but Python's own `struct`.

    plain.py server PREFIX              echoes one client's messages; its first line is the port
    plain.py client HOST PORT PREFIX    sends the messages of standard input

One message a line, in hexadecimal; both print every message that they receive. PREFIX is how `struct` writes the
length: '!I' is u32be, '<i' u32le, '!H' u16be, '!B' u8, '<Q' u64le.
"""
import socket, struct, sys, threading

role, *address, prefix = sys.argv[1:]


def send(peer, message):
    peer.sendall(struct.pack(prefix, len(message)) + message)


def receive(stream):
    """The next message, or None where the stream ends between two. `read` waits for as many bytes as it is told."""
    head = stream.read(struct.calcsize(prefix))
    if not head:
        return None
    size, = struct.unpack(prefix, head)
    message = stream.read(size)
    if len(message) < size:
        raise EOFError(f'{len(message)} of {size} bytes came')
    return message


if role == 'server':
    listener = socket.create_server(('127.0.0.1', 0))
    print(listener.getsockname()[1], flush=True)
    peer, _ = listener.accept()
    stream = peer.makefile('rb')
    while (message := receive(stream)) is not None:
        send(peer, message)
        print(message.hex())
else:
    messages = [bytes.fromhex(line) for line in sys.stdin]
    peer = socket.create_connection(address)
    # Sent while replies are read: who only sends at first waits, in the end, for a server that waits to be read.
    threading.Thread(target=lambda: [send(peer, message) for message in messages], daemon=True).start()
    stream = peer.makefile('rb')
    for _ in messages:
        print(receive(stream).hex())
