//! What Go's `encoding/json` says of a text that it does not take for records.
//!
//! Answers of the original hold these words, and tools compare them. Only texts that were refused come here, so it need not be
//! quick.

use super::StatusError;
use super::read::Field;

/// Nesting that `encoding/json` allows.
const DEPTH_MAX: usize = 10_000;

/// The first thing in the text that Go stops at: a mistake in the syntax anywhere comes before a wrong type.
pub(super) fn check(text: &str) -> Result<(), StatusError> {
    let mut scanner =
        Scanner { bytes: text.as_bytes(), text, at: 0, open: Vec::new(), field: Field::Other, wrong: None };
    scanner.document()?;
    scanner.wrong.map_or(Ok(()), Err)
}

/// What the innermost open bracket is.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Object,
    Array,
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    open: Vec<Open>,
    /// The field of a record that the value at hand is for.
    field: Field,
    /// The first value of a wrong type.
    wrong: Option<StatusError>,
}

type Checked = Result<(), StatusError>;

impl Scanner<'_> {
    fn document(&mut self) -> Checked {
        self.value()?;
        while let Some(open) = self.open.last().copied() {
            let context = match open {
                Open::Object => "after object key:value pair",
                Open::Array => "after array element",
            };
            match (open, self.token()?) {
                (Open::Object, b',') => {
                    self.at += 1;
                    self.key()?;
                    self.value()?;
                }
                (Open::Array, b',') => {
                    self.at += 1;
                    self.value()?;
                }
                (Open::Object, b'}') | (Open::Array, b']') => self.leave(),
                _ => return Err(self.unexpected(context)),
            }
        }
        self.skip_blanks();
        if self.at < self.bytes.len() { Err(self.unexpected("after top-level value")) } else { Ok(()) }
    }

    /// A value, or the beginnings of nested ones up to the first that ends.
    fn value(&mut self) -> Checked {
        const CONTEXT: &str = "looking for beginning of value";
        loop {
            let first = self.token()?;
            self.note_type(first);
            match first {
                b'{' => {
                    self.enter(Open::Object)?;
                    if self.token()? == b'}' {
                        self.leave();
                        return Ok(());
                    }
                    self.key()?;
                }
                b'[' => {
                    self.enter(Open::Array)?;
                    if self.token()? == b']' {
                        self.leave();
                        return Ok(());
                    }
                }
                b'"' => return self.string().map(|_| ()),
                b'-' | b'0'..=b'9' => return self.number(),
                b't' => return self.literal("true"),
                b'f' => return self.literal("false"),
                b'n' => return self.literal("null"),
                _ => return Err(self.unexpected(CONTEXT)),
            }
        }
    }

    fn enter(&mut self, open: Open) -> Checked {
        self.at += 1;
        self.open.push(open);
        if self.open.len() > DEPTH_MAX {
            return Err(StatusError::Syntax { problem: "exceeded max depth".to_owned(), offset: self.at });
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.at += 1;
        self.open.pop();
    }

    /// A key and its colon.
    fn key(&mut self) -> Checked {
        const CONTEXT: &str = "looking for beginning of object key string";
        if self.token()? != b'"' {
            return Err(self.unexpected(CONTEXT));
        }
        let (from, to) = self.string()?;
        if self.open.len() == 2 {
            let name: Option<String> =
                self.text.get(from..to).and_then(|text| serde_json::from_str(text).ok());
            self.field = name.map_or(Field::Other, |name| Field::named(&name));
        }
        if self.token()? != b':' {
            return Err(self.unexpected("after object key"));
        }
        self.at += 1;
        Ok(())
    }

    /// A string; where it begins and ends, quotes included.
    fn string(&mut self) -> Result<(usize, usize), StatusError> {
        let from = self.at;
        loop {
            self.at += 1;
            match self.peek() {
                None => return Err(self.ended()),
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => return Err(self.unexpected("in string literal")),
                Some(_) => {}
            }
        }
        self.at += 1;
        Ok((from, self.at))
    }

    /// The rest of an escape, its last character not yet passed.
    fn escape(&mut self) -> Checked {
        self.at += 1;
        match self.peek() {
            Some(b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"') => Ok(()),
            Some(b'u') => (0..4).try_for_each(|_| {
                self.at += 1;
                let is_hex = self.peek().is_some_and(|byte| byte.is_ascii_hexdigit());
                if is_hex { Ok(()) } else { Err(self.unexpected("in \\u hexadecimal character escape")) }
            }),
            _ => Err(self.unexpected("in string escape code")),
        }
    }

    fn number(&mut self) -> Checked {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected("in numeric literal")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn some_digits(&mut self, context: &str) -> Checked {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.unexpected(context));
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn literal(&mut self, word: &str) -> Checked {
        for wanted in word.bytes() {
            if self.peek() != Some(wanted) {
                let wanted = char::from(wanted);
                return Err(self.unexpected(&format!("in literal {word} (expecting '{wanted}')")));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The next byte that is no blank. An end of the text is never right where one is looked for.
    fn token(&mut self) -> Result<u8, StatusError> {
        self.skip_blanks();
        self.peek().ok_or_else(|| self.ended())
    }

    fn ended(&self) -> StatusError {
        let problem = "unexpected end of JSON input".to_owned();
        StatusError::Syntax { problem, offset: self.bytes.len() }
    }

    /// Go feeds a blank at the end of the text, so half a word ends in a complaint about that.
    fn unexpected(&self, context: &str) -> StatusError {
        let problem = format!("invalid character {} {context}", quoted(self.peek().unwrap_or(b' ')));
        StatusError::Syntax { problem, offset: self.at }
    }

    /// Whether a value that begins so may stand here. Go notes the first that may not and reads on.
    fn note_type(&mut self, first: u8) {
        let (into, wanted, fits) = match (self.open.as_slice(), self.field) {
            ([], _) => ("value of type v2beta1.PoolIPAllocations", "an object of records", b'{'),
            ([Open::Object], _) => ("value of type v2beta1.PoolIPAllocation", "a record", b'{'),
            ([Open::Object, Open::Object], Field::Pod) => {
                ("struct field PoolIPAllocation.pod of type string", "text", b'"')
            }
            ([Open::Object, Open::Object], Field::Uid) => {
                ("struct field PoolIPAllocation.podUid of type string", "text", b'"')
            }
            _ => return,
        };
        let found = match first {
            b'{' => "object",
            b'[' => "array",
            b'"' => "string",
            b't' | b'f' => "bool",
            b'-' | b'0'..=b'9' => "number",
            _ => return,
        };
        if first != fits && self.wrong.is_none() {
            let problem = format!("json: cannot unmarshal {found} into Go {into}");
            self.wrong = Some(StatusError::WrongType { problem, offset: self.at, wanted });
        }
    }
}

/// One byte between single quotes, as Go prints it: a byte above 0x7f as the character of that number.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\\' => r"'\\'".to_owned(),
        7 => r"'\a'".to_owned(),
        8 => r"'\b'".to_owned(),
        b'\t' => r"'\t'".to_owned(),
        b'\n' => r"'\n'".to_owned(),
        11 => r"'\v'".to_owned(),
        12 => r"'\f'".to_owned(),
        b'\r' => r"'\r'".to_owned(),
        0..0x20 | 0x7f => format!(r"'\x{byte:02x}'"),
        // Controls, the blank that does not break and the hyphen that is not shown.
        0x80..=0xa0 | 0xad => format!(r"'\u{byte:04x}'"),
        _ => format!("'{}'", char::from(byte)),
    }
}

/// The text with U+FFFD for each half of a surrogate pair that lacks its other half. The text is valid JSON otherwise.
pub(super) fn without_lone_surrogates(text: &str) -> String {
    let mut repaired = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        repaired.push_str(before);
        let len = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
            (Some(0xd800..0xe000), _) => {
                repaired.push('\u{fffd}');
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        let (escape, behind) = escape.split_at_checked(len).unwrap_or((escape, ""));
        repaired.push_str(escape);
        rest = behind;
    }
    repaired.push_str(rest);
    repaired
}

/// The number of a `\uXXXX` at the beginning.
fn unit(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}
