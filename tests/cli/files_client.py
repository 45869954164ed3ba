import hashlib, json, os, socket, struct, sys

host, port, op, *args = sys.argv[1:]
peer = socket.create_connection((host, int(port))).makefile('rwb')

def ask(content=b'', **header):
    text = json.dumps(header).encode()
    peer.write(struct.pack('!I', len(text)) + text + content)
    peer.flush()
    return reply()

def reply():
    size, = struct.unpack('!I', peer.read(4))
    header = json.loads(peer.read(size))
    return header if header['ok'] else sys.exit(f"{header['kind']}: {header['error']}")

if op == 'put':
    content = open(args[0], 'rb').read()
    hash = hashlib.sha256(content).hexdigest()
    print(ask(content, op='put', name=os.path.basename(args[0]), size=len(content), sha256=hash)['sha256'])
elif op == 'get':
    content = peer.read(ask(op='get', name=args[0])['size'])
    assert reply()['sha256'] == hashlib.sha256(content).hexdigest()
    open(args[1], 'xb').write(content)
elif op == 'ls':
    page = {'files': [{'name': ''}], 'more': True}
    while page['more']:
        page = ask(op='ls', after=page['files'][-1]['name'])
        for file in page['files']:
            print(file['size'], file['name'])
