//! `ringframe formats`: the named wire formats, where they are defined, and who else speaks them.

use std::fmt::Write as _;

use ringframe::{Format, formats};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;
use crate::wire::description;

/// How other languages and libraries spell a prefix, and what a protocol is used by.
fn spoken_by(name: &str) -> &'static str {
    match name {
        "u8" => "Erlang {packet,1}, Twisted Int8StringReceiver",
        "u16be" => "Erlang {packet,2}, Twisted Int16StringReceiver, Python struct '!H', Java writeShort",
        "u16le" => "Python struct '<H'",
        "u24be" => "Netty LengthFieldBasedFrameDecoder(max,0,3)",
        "u24le" => "Netty LengthFieldBasedFrameDecoder(LITTLE_ENDIAN,max,0,3,…)",
        "u32be" => {
            "Erlang {packet,4}, Twisted Int32StringReceiver, Python struct '!I', Java DataOutputStream.writeInt, \
             tokio-util LengthDelimitedCodec, Netty LengthFieldPrepender(4)"
        }
        "u32le" => "Python struct '<I' and '<i', Chrome native messaging on x86",
        "u64be" => "Python struct '!Q', Java DataOutputStream.writeLong",
        "u64le" => "Python struct '<Q'",
        "varint" => "protobuf delimited messages, Netty ProtobufVarint32FrameDecoder, it-length-prefixed",
        "amqp" => "RabbitMQ, Apache Qpid",
        "bgp" => "BIRD, FRRouting, routers",
        "diameter" => "freeDiameter, mobile networks",
        "dns-tcp" => "every name server and resolver, with TLS around it DNS over TLS",
        "http2" => "nghttp2, curl, gRPC, browsers inside TLS",
        "kafka" => "Apache Kafka, Redpanda",
        "modbus-tcp" => "controllers, libmodbus, pymodbus",
        "mongodb" => "MongoDB, FerretDB",
        "mqtt" => "Mosquitto, EMQX, Eclipse Paho",
        "mysql" => "MySQL, MariaDB, TiDB",
        "ninep" => "Plan 9, QEMU virtfs, WSL 2",
        "noise" => "libp2p",
        "pcapng" => "Wireshark, dumpcap (little-endian machines)",
        "postgres" => "PostgreSQL, PgBouncer, CockroachDB",
        "thrift" => "Apache Thrift TFramedTransport",
        "tls" => "OpenSSL, rustls, everything with TLS over TCP",
        "tpkt" => "RDP, H.323, S7comm",
        _ => "",
    }
}

pub(crate) fn run(output: Output) -> Result<(), Failure> {
    let bold = anstyle::Style::new().bold();
    if !output.json {
        let heading = line("NAME", "DESCRIPTION", "LARGEST LENGTH", ["DEFINED IN, SPOKEN BY"]);
        output.result(&format!("{bold}{heading}{bold:#}"), || unreachable!("this is no JSON"))?;
    }
    for &(name, field) in formats::ALL {
        let largest = field.width.max_value();
        let document = formats::document(name);
        let others = spoken_by(name).split(", ");
        let last = document.into_iter().chain(others.clone());
        output.result(&line(name, &description(field), &largest.to_string(), last), || {
            let (min, max) =
                field.check().map_or((0, 0), |format| (format.min_header(), format.max_header()));
            json!({
                "name": name,
                "description": description(field),
                "header_length": if min == max { json!(max) } else { json!([min, max]) },
                "largest_length": largest,
                "document": document,
                "spoken_by": others.collect::<Vec<_>>(),
            })
        })?;
    }
    Ok(())
}

/// A line of the table. Its last column goes on below itself.
fn line<'a>(name: &str, description: &str, largest: &str, last: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = format!("{name:10} {description:47} {largest:20} ");
    let indent = format!("\n{:80}", "");
    for (i, part) in last.into_iter().enumerate() {
        let _ = write!(line, "{}{part}", if i == 0 { "" } else { &indent });
    }
    line
}
