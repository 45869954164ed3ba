import socket, sys

host, port, *messages = sys.argv[1:]
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.settimeout(2)
peer.connect((host, int(port)))
for message in messages:
    peer.send(message.encode())
    print(peer.recv(65535).decode())
