//! `ringframe formats`: the named wire formats, and who else speaks them.

use std::fmt::Write as _;

use ringframe::{Header, LengthField, formats};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;
use crate::wire::description;

/// How other languages and libraries spell a prefix.
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
        _ => "",
    }
}

/// The largest payload that a format can declare.
fn largest_payload(field: LengthField) -> u64 {
    use ringframe::Width;
    match field.width {
        Width::U8 => 0xff,
        Width::U16 => 0xffff,
        Width::U24 => 0xff_ffff,
        Width::U32 | Width::Varint32 => 0xffff_ffff,
        Width::VarintMqtt => 0x0fff_ffff,
        Width::U64 | Width::Varint64 => u64::MAX,
    }
}

pub(crate) fn run(output: Output) -> Result<(), Failure> {
    let bold = anstyle::Style::new().bold();
    if !output.json {
        let heading = format!(
            "{bold}{:8} {:30} {:22} {}{bold:#}",
            "NAME", "DESCRIPTION", "LARGEST LENGTH", "SPOKEN BY"
        );
        output.result(&heading, || unreachable!("this is no JSON"))?;
    }
    for &(name, field) in formats::ALL {
        let mut line = format!("{name:8} {:30} {:22} ", description(field), largest_payload(field));
        // The last column goes on below itself where it is long.
        let indent = format!("\n{:62}", "");
        for (i, who) in spoken_by(name).split(", ").enumerate() {
            let _ = write!(line, "{}{who}", if i == 0 { "" } else { &indent });
        }
        output.result(line.trim_end(), || {
            let (min, max) = field.check().map_or((0, 0), |format| (format.min_len(), format.max_len()));
            json!({
                "name": name,
                "description": description(field),
                "header_length": if min == max { json!(max) } else { json!([min, max]) },
                "largest_length": largest_payload(field),
                "spoken_by": spoken_by(name).split(", ").collect::<Vec<_>>(),
            })
        })?;
    }
    Ok(())
}
