"""Protobuf messages over TCP, delimited as `writeDelimitedTo` of Java and C++ does it: a varint, then the message.

    protobuf_delimited.py server              echoes one client's messages; its first line is the port
    protobuf_delimited.py client HOST PORT    sends the messages of standard input

The message is a google.protobuf.BytesValue. One value a line, in hexadecimal; both print every value that they
receive.
"""
import socket, sys, threading
from google.protobuf.wrappers_pb2 import BytesValue

try:
    # Public from release 5.28 on.
    from google.protobuf.proto import parse_length_prefixed, serialize_length_prefixed
except ImportError:
    # Before it, everybody used these.
    from google.protobuf.internal.decoder import _DecodeVarint32
    from google.protobuf.internal.encoder import _VarintBytes

    def serialize_length_prefixed(message, stream):
        stream.write(_VarintBytes(message.ByteSize()) + message.SerializeToString())

    def parse_length_prefixed(message_class, stream):
        prefix = stream.read(1)
        if not prefix:
            return None
        while prefix[-1] & 0x80:
            prefix += stream.read(1)
        size, _ = _DecodeVarint32(prefix, 0)
        return message_class.FromString(stream.read(size))

role, *address = sys.argv[1:]

if role == 'server':
    listener = socket.create_server(('127.0.0.1', 0))
    print(listener.getsockname()[1], flush=True)
    stream = listener.accept()[0].makefile('rwb')
    while (message := parse_length_prefixed(BytesValue, stream)) is not None:
        serialize_length_prefixed(message, stream)
        stream.flush()
        print(message.value.hex())
else:
    messages = [BytesValue(value=bytes.fromhex(line)) for line in sys.stdin]
    peer = socket.create_connection(address)

    def send_all():
        with peer.makefile('wb') as stream:
            for message in messages:
                serialize_length_prefixed(message, stream)

    # Sent while replies are read: who only sends at first waits, in the end, for a server that waits to be read.
    threading.Thread(target=send_all, daemon=True).start()
    with peer.makefile('rb') as stream:
        for _ in messages:
            print(parse_length_prefixed(BytesValue, stream).value.hex())
