import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Messages over TCP by DataInputStream and DataOutputStream, whose numbers are big-endian.
 *
 *     java Peer.java server PREFIX              echoes one client's messages; its first line is the port
 *     java Peer.java client HOST PORT PREFIX    sends the messages of standard input
 *
 * One message a line, in hexadecimal; both print every message that they receive. PREFIX is the type of the length:
 * byte is u8, short u16be, int u32be, long u64be.
 */
public class Peer {
    static final HexFormat HEX = HexFormat.of();
    static final PrintStream OUT = new PrintStream(new BufferedOutputStream(System.out, 1 << 16));

    static void send(DataOutputStream out, String prefix, byte[] message) throws IOException {
        switch (prefix) {
            case "byte" -> out.writeByte(message.length);
            case "short" -> out.writeShort(message.length);
            case "int" -> out.writeInt(message.length);
            case "long" -> out.writeLong(message.length);
            default -> throw new IllegalArgumentException(prefix);
        }
        out.write(message);
        out.flush();
    }

    static byte[] receive(DataInputStream in, String prefix) throws IOException {
        int length = switch (prefix) {
            case "byte" -> in.readUnsignedByte();
            case "short" -> in.readUnsignedShort();
            case "int" -> in.readInt();
            case "long" -> Math.toIntExact(in.readLong());
            default -> throw new IllegalArgumentException(prefix);
        };
        byte[] message = new byte[length];
        in.readFully(message);
        OUT.println(HEX.formatHex(message));
        return message;
    }

    static DataInputStream input(Socket peer) throws IOException {
        return new DataInputStream(new BufferedInputStream(peer.getInputStream()));
    }

    /** Buffered, so that a length and its message leave together. */
    static DataOutputStream output(Socket peer) throws IOException {
        return new DataOutputStream(new BufferedOutputStream(peer.getOutputStream()));
    }

    static void serve(String prefix) throws IOException {
        try (var listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            OUT.println(listener.getLocalPort());
            OUT.flush();
            try (var peer = listener.accept()) {
                var in = input(peer);
                var out = output(peer);
                while (true) {
                    send(out, prefix, receive(in, prefix));
                }
            } catch (EOFException closed) {
                return;
            }
        }
    }

    static void call(String host, int port, String prefix) throws IOException {
        var lines = new BufferedReader(new InputStreamReader(System.in)).lines();
        List<byte[]> messages = lines.map(HEX::parseHex).collect(Collectors.toList());
        try (var peer = new Socket(host, port)) {
            var out = output(peer);
            // Sent while replies are read: who only sends at first waits, in the end, for a server that waits to be
            // read.
            var sender = new Thread(() -> {
                try {
                    for (byte[] message : messages) {
                        send(out, prefix, message);
                    }
                } catch (IOException failed) {
                    // Replies will be missing, which says more.
                    failed.printStackTrace();
                }
            });
            sender.start();
            var in = input(peer);
            for (byte[] message : messages) {
                receive(in, prefix);
            }
        }
    }

    public static void main(String[] args) throws IOException {
        if (args[0].equals("server")) {
            serve(args[1]);
        } else {
            call(args[1], Integer.parseInt(args[2]), args[3]);
        }
        OUT.flush();
    }
}
