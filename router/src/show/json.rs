//! JSON in the layout of FRR: two blanks of indentation, no blank behind the colon.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use serde_json::{Map, Value};

/// An object that keeps the order of its keys.
pub type Object = Map<String, Value>;

/// Convenience for building objects.
pub trait ObjectExt {
    /// Sets a key.
    fn put(&mut self, key: &str, value: impl Into<Value> + Serialize);

    /// Sets a key if there is a value.
    fn put_some<T: Into<Value> + Serialize>(&mut self, key: &str, value: Option<T>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Sets a key to true if it is true.
    fn put_true(&mut self, key: &str, value: bool) {
        if value {
            self.put(key, true);
        }
    }
}

impl ObjectExt for Object {
    fn put(&mut self, key: &str, value: impl Into<Value> + Serialize) {
        self.insert(key.to_owned(), value.into());
    }
}

/// An object that is written as its keys come, each once, on one line: for listings of a million, which have no time to
/// build it first.
pub struct Written<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Written<'a> {
    /// Begins an object behind what was written.
    pub fn begin(out: &'a mut Vec<u8>) -> Written<'a> {
        out.push(b'{');
        Written { out, empty: true }
    }

    /// Ends it.
    pub fn end(self) {
        self.out.push(b'}');
    }

    /// Sets a key to what is written there.
    pub fn put_with(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        put_value(self.out, key);
        self.out.push(b':');
        write(self.out);
    }
}

impl ObjectExt for Written<'_> {
    fn put(&mut self, key: &str, value: impl Into<Value> + Serialize) {
        self.put_with(key, |out| put_value(out, value));
    }
}

fn put_value(out: &mut Vec<u8>, value: impl Serialize) {
    // What can be a value can be written, and memory takes all.
    let written = serde_json::to_writer(out, &value);
    debug_assert!(written.is_ok(), "{written:?}");
}

/// Indented like FRR's.
struct Layout<'a>(PrettyFormatter<'a>);

impl Formatter for Layout<'_> {
    fn begin_array<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.begin_array(w)
    }

    fn end_array<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_array(w)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(w, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_array_value(w)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.begin_object(w)
    }

    fn end_object<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_object(w)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(w, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        w.write_all(b":")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_object_value(w)
    }
}

/// Writes a document and a line end.
pub fn pretty(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(&mut *out, Layout(PrettyFormatter::with_indent(b"  ")));
    value.serialize(&mut serializer).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// Writes a document on one line, without a line end.
pub fn compact(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(out, value).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_at_once_is_what_is_built_first() {
        fn fill(o: &mut impl ObjectExt) {
            o.put("text", "a \"b\"");
            o.put_some("none", None::<u32>);
            o.put_some("number", Some(-1));
            o.put_true("false", false);
            o.put("list", vec!["x", "y"]);
            o.put("object", Object::new());
        }
        let (mut built, mut written) = (Object::new(), Vec::new());
        fill(&mut built);
        let mut object = Written::begin(&mut written);
        fill(&mut object);
        object.end();
        assert_eq!(String::from_utf8(written).unwrap(), Value::Object(built).to_string());
    }

    #[test]
    fn keys_keep_their_order_and_stand_close() {
        let mut object = Object::new();
        object.put("z", 1);
        object.put("a", vec!["x"]);
        object.put_some("none", None::<u32>);
        object.put_true("false", false);
        let mut out = Vec::new();
        pretty(&Value::Object(object), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\n  \"z\":1,\n  \"a\":[\n    \"x\"\n  ]\n}\n");
    }
}
