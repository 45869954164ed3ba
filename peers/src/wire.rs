//! What `--wire` and `--max-frame` mean.

use std::str::FromStr;

use ringframe::{
    ConfigError, DecodeError, Decoder, Endian, Format, LengthField, Limited, MAX_HEADER, RuntimeFormat,
    Width, formats,
};
use ringframe_io::ReadError;

use crate::args::{Hex, WireArgs};
use crate::failure::{Code, Failure};

/// Largest frame of servers and clients where nothing else is said, bytes.
pub(crate) const DEFAULT_MAX_FRAME: u64 = 8 << 20;

/// Capacity of a connection's rings. A larger frame passes through in pieces.
pub(crate) const RING: usize = 64 << 10;

/// Corrects the limit in an error of a reader that takes whole frames only: its ring is one as well.
pub(crate) fn whole_frames_only<E>(error: ReadError<E>) -> ReadError<E> {
    match error {
        ReadError::Protocol(DecodeError::TooLong { declared, limit }) => {
            ReadError::Protocol(DecodeError::TooLong { declared, limit: limit.min(RING as u64) })
        }
        error => error,
    }
}

/// A wire format, by name or by description.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire(pub(crate) RuntimeFormat);

impl WireArgs {
    /// The format with its limit: `--max-frame`, or what is usual for the command.
    pub(crate) fn format(&self, usual: u64) -> Result<Limited<RuntimeFormat>, Failure> {
        let Wire(format) = self.wire;
        let max_frame = self.max_frame.unwrap_or(usual);
        let format = format.with_limit(max_frame);
        // Every ring checks the same. Its size is no matter here.
        match Decoder::try_new(format, [0; MAX_HEADER]) {
            Ok(_) => Ok(format),
            Err(ConfigError::LimitTooSmall { limit, needed }) => {
                let header = format.min_header();
                let why = if limit < header as u64 {
                    format!("--max-frame {limit} leaves no room for a header of {header} bytes")
                } else {
                    format!("--max-frame {limit} leaves no room for a frame: the smallest has {needed} bytes")
                };
                Err(Failure::new(Code::Usage, why))
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Wire {
    /// The header's bytes beside the length field, as given or zeros.
    pub(crate) fn fields(self, given: Option<Hex>) -> Result<Vec<u8>, String> {
        let wanted = self.0.fields_len();
        match given {
            None => Ok(vec![0; wanted]),
            Some(Hex(fields)) if fields.len() == wanted => Ok(fields),
            Some(Hex(fields)) => Err(format!(
                "--header has {} bytes, but this wire format has {wanted} header bytes beside its length field",
                fields.len()
            )),
        }
    }
}

impl FromStr for Wire {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let field = match formats::by_name(text) {
            Some(field) => field,
            None if text.contains('=') => describe(text)?,
            None => return Err(unknown_name(text)),
        };
        field.check().map(Wire).map_err(|error| format!("impossible wire format: {error}"))
    }
}

fn unknown_name(text: &str) -> String {
    let names: Vec<_> = formats::ALL.iter().map(|(name, _)| *name).collect();
    format!(
        "no wire format has this name; there are {}, or describe one: offset=1,width=4,endian=be,adjust=-4,header=5 \
         (you gave `{text}`)",
        names.join(", ")
    )
}

/// `offset=1,width=4,endian=be,adjust=-4,header=5`, in any order, each at most once.
fn describe(text: &str) -> Result<LengthField, String> {
    let mut field = LengthField::DEFAULT;
    let mut seen = Vec::new();
    for part in text.split(',') {
        let (key, value) =
            part.split_once('=').ok_or_else(|| format!("`{part}` is not of the form key=value"))?;
        if seen.contains(&key) {
            return Err(format!("`{key}` is given twice"));
        }
        seen.push(key);
        match key {
            "offset" => field.offset = number(key, value)?,
            "adjust" => field.adjust = number(key, value)?,
            "header" => field.header = Some(number(key, value)?),
            "width" => {
                field.width = match value {
                    "1" => Width::U8,
                    "2" => Width::U16,
                    "3" => Width::U24,
                    "4" => Width::U32,
                    "8" => Width::U64,
                    "varint" => Width::Varint64,
                    "varint32" => Width::Varint32,
                    "varint_mqtt" => Width::Varint28,
                    _ => {
                        return Err(format!(
                            "width is 1, 2, 3, 4, 8, varint, varint32 or varint_mqtt, not `{value}`"
                        ));
                    }
                }
            }
            "endian" => {
                field.endian = match value {
                    "be" => Endian::Big,
                    "le" => Endian::Little,
                    _ => return Err(format!("endian is be or le, not `{value}`")),
                }
            }
            _ => {
                return Err(format!(
                    "`{key}` is no part of a wire format: there are offset, width, endian, adjust, header"
                ));
            }
        }
    }
    Ok(field)
}

fn number<T: FromStr<Err: std::fmt::Display>>(key: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|error| format!("{key}: `{value}` is not a number that fits: {error}"))
}

/// A number of bytes: `4096`, `64KiB`, `8MiB`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    match text.parse::<bytesize::ByteSize>() {
        Ok(size) => Ok(size.as_u64()),
        Err(_) => Err("it is not a number of bytes: say 4096, 64KiB, 8MiB".into()),
    }
}

/// How a description is written; the inverse of [`describe`].
pub(crate) fn description(field: LengthField) -> String {
    let LengthField { offset, width, endian, adjust, header } = field;
    let word = match width {
        Width::U8 => "1",
        Width::U16 => "2",
        Width::U24 => "3",
        Width::U32 => "4",
        Width::U64 => "8",
        Width::Varint64 => "varint",
        Width::Varint32 => "varint32",
        Width::Varint28 => "varint_mqtt",
        // No format here has one of the widths that the codec may get later.
        _ => "unknown",
    };
    let mut text = format!("offset={offset},width={word}");
    if width != Width::U8 && !width.is_varint() {
        text += if endian == Endian::Big { ",endian=be" } else { ",endian=le" };
    }
    if adjust != 0 {
        text += &format!(",adjust={adjust}");
    }
    if let Some(header) = header {
        text += &format!(",header={header}");
    }
    text
}

#[cfg(test)]
mod tests {
    use ringframe::{LengthField, Width, formats};

    use super::{DEFAULT_MAX_FRAME, Wire, bytes, description};
    use crate::args::WireArgs;
    use crate::failure::Code;

    /// A limit without room for a frame is refused before any connection has a ring for it.
    #[test]
    fn limits_that_leave_no_room() {
        let refused = |wire: &str, max_frame| {
            let args = WireArgs { wire: wire.parse().unwrap(), max_frame };
            args.format(DEFAULT_MAX_FRAME).err().map(|failure| {
                assert!(failure.is(Code::Usage));
                failure.message().unwrap().to_owned()
            })
        };
        let header = |max_frame, header| {
            Some(format!("--max-frame {max_frame} leaves no room for a header of {header} bytes"))
        };
        for (wire, shortest) in [("u32be", 4), ("mqtt", 2), ("http2", 9), ("offset=2,width=varint", 3)] {
            assert_eq!(refused(wire, Some(shortest - 1)), header(shortest - 1, shortest), "{wire}");
            assert_eq!(refused(wire, Some(shortest)), None, "{wire}");
            assert_eq!(refused(wire, None), None, "{wire}");
        }
        // Each of its frames has a payload.
        assert_eq!(refused("amqp", Some(6)), header(6, 7));
        let frame = "--max-frame 7 leaves no room for a frame: the smallest has 8 bytes";
        assert_eq!(refused("amqp", Some(7)).as_deref(), Some(frame));
        assert_eq!(refused("amqp", Some(8)), None);
    }

    #[test]
    fn every_named_format_has_a_description_that_means_the_same() {
        for (name, field) in formats::ALL {
            let named: Wire = name.parse().unwrap();
            let described: Wire = description(*field).parse().unwrap();
            assert_eq!(named.0, described.0, "{name}");
        }
    }

    #[test]
    fn every_width_has_a_word() {
        for width in ["1", "2", "3", "4", "8", "varint", "varint32", "varint_mqtt"] {
            let wire: Wire = format!("width={width}").parse().unwrap();
            assert!(description(wire.0.field()).contains(&format!("width={width}")), "{width}");
        }
    }

    #[test]
    fn descriptions_in_any_order_with_defaults() {
        let wire: Wire = "header=5,adjust=-4,offset=1".parse().unwrap();
        let field =
            LengthField { offset: 1, adjust: -4, header: Some(5), width: Width::U32, ..LengthField::DEFAULT };
        assert_eq!(wire.0.field(), field);
    }

    #[test]
    fn impossible_descriptions_say_what_is_wrong() {
        for (text, word) in [
            ("u33be", "u32be"),
            ("width=5", "1, 2, 3, 4, 8, varint"),
            ("endian=middle", "be or le"),
            ("offset=-1", "offset"),
            ("offset=1,offset=2", "twice"),
            ("colour=red", "colour"),
            ("width=4,header=3", "a header of 3 bytes"),
            ("width=varint,header=3", "varint"),
            ("width=1,adjust=-300", "-300"),
            ("offset=70", "64 bytes"),
            ("offset=1,", "key=value"),
        ] {
            let error = text.parse::<Wire>().unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("4096"), Ok(4096));
        assert_eq!(bytes("64KiB"), Ok(65536));
        assert_eq!(bytes("8MiB"), Ok(8 << 20));
        assert!(bytes("many").is_err());
    }
}
