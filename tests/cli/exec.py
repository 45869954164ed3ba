import json, socket, struct, sys

host, port, name, *arguments = sys.argv[1:]
peer = socket.create_connection((host, int(port))).makefile('rwb')

def take(count):
    taken = peer.read(count)
    if len(taken) < count:
        sys.exit('the server closed the connection')
    return taken

request = json.dumps({'cmd': name, 'args': arguments}).encode()
peer.write(struct.pack('!I', len(request)) + request)
peer.flush()
size, = struct.unpack('!I', take(4))
reply = json.loads(take(size))
if not reply['ok']:
    sys.exit(reply['kind'] + ': ' + reply['error'])
sys.stdout.buffer.write(take(reply['stdout']))
sys.stderr.buffer.write(take(reply['stderr']))
sys.exit(reply['code'])
