//! Whether a text is JSON, told in the words of Go's scanner.
//!
//! One pass with a stack of its own: a text that is nested deep costs memory by its length, never the thread's stack.

/// Deepest nesting that is read; Go's limit.
const DEPTH_MAX: usize = 10_000;

/// Why a text is not JSON.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// The text ends inside a value, or is empty.
    #[error("unexpected end of JSON input")]
    End,
    /// The stream ends inside its first value.
    #[error("unexpected EOF")]
    Eof,
    /// A byte that nothing may begin or continue with at this place.
    #[error("invalid character {} {place}", Quoted(*.byte))]
    Byte {
        /// The byte.
        byte: u8,
        /// Where it stands.
        place: &'static str,
    },
    /// A byte that is not the next letter of `true`, `false` or `null`.
    #[error("invalid character {} in literal {word} (expecting {})", Quoted(*.byte), Quoted(*.expected))]
    Literal {
        /// The byte.
        byte: u8,
        /// The word that was begun.
        word: &'static str,
        /// Its next letter.
        expected: u8,
    },
}

/// A byte as Go quotes a character. Go takes the byte for the code point of that number.
struct Quoted(u8);

impl std::fmt::Display for Quoted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            b'\'' => f.write_str(r"'\''"),
            b'\\' => f.write_str(r"'\\'"),
            0x07 => f.write_str(r"'\a'"),
            0x08 => f.write_str(r"'\b'"),
            b'\t' => f.write_str(r"'\t'"),
            b'\n' => f.write_str(r"'\n'"),
            0x0b => f.write_str(r"'\v'"),
            0x0c => f.write_str(r"'\f'"),
            b'\r' => f.write_str(r"'\r'"),
            byte @ (0..0x20 | 0x7f) => write!(f, r"'\x{byte:02x}'"),
            byte @ (0x80..=0xa0 | 0xad) => write!(f, r"'\u{byte:04x}'"),
            byte => write!(f, "'{}'", char::from(byte)),
        }
    }
}

/// What may come next.
#[derive(Clone, Copy)]
enum Expect {
    Value,
    FirstItem,
    FirstKey,
    Key,
    Colon,
    /// A comma, or the end of what is open.
    More,
}

enum Open {
    Object,
    List,
}

/// Checks that `text` is one JSON value with nothing but blanks around it.
pub(super) fn check(text: &[u8]) -> Result<(), SyntaxError> {
    let mut scan = Scan { rest: text, is_stream: false };
    value(&mut scan)?;
    scan.blanks();
    scan.rest.first().map_or(Ok(()), |byte| Err(after_top_level(*byte)))
}

/// What `text` begins with, a JSON value and the blanks before it; nothing where there are only blanks.
pub(super) fn first(text: &[u8]) -> Result<Option<&[u8]>, SyntaxError> {
    let mut scan = Scan { rest: text, is_stream: true };
    scan.blanks();
    if scan.rest.is_empty() {
        return Ok(None);
    }
    value(&mut scan)?;
    let value = text.get(..text.len().saturating_sub(scan.rest.len())).unwrap_or(text);
    match scan.rest.first() {
        // Only a bracket ends a value by itself; behind anything else Go has read one byte more.
        Some(byte) if !byte.is_ascii_whitespace() && !value.ends_with(b"}") && !value.ends_with(b"]") => {
            Err(after_top_level(*byte))
        }
        _ => Ok(Some(value)),
    }
}

fn after_top_level(byte: u8) -> SyntaxError {
    SyntaxError::Byte { byte, place: "after top-level value" }
}

/// Reads one value, and stops behind it.
fn value(scan: &mut Scan<'_>) -> Result<(), SyntaxError> {
    let mut open: Vec<Open> = Vec::new();
    let mut expect = Expect::Value;
    loop {
        if let (Expect::More, None) = (expect, open.last()) {
            return Ok(());
        }
        scan.blanks();
        let byte = scan.next()?;
        let unexpected = |place| Err(SyntaxError::Byte { byte, place });
        expect = match (expect, byte) {
            (Expect::FirstItem, b']') | (Expect::FirstKey, b'}') => {
                open.pop();
                Expect::More
            }
            (Expect::Value | Expect::FirstItem, b'{' | b'[') => {
                if open.len() >= DEPTH_MAX {
                    return unexpected("exceeded max depth");
                }
                let is_object = byte == b'{';
                open.push(if is_object { Open::Object } else { Open::List });
                if is_object { Expect::FirstKey } else { Expect::FirstItem }
            }
            (Expect::Value | Expect::FirstItem, _) => {
                scan.scalar(byte)?;
                Expect::More
            }
            (Expect::FirstKey | Expect::Key, b'"') => {
                scan.string()?;
                Expect::Colon
            }
            (Expect::FirstKey | Expect::Key, _) => {
                return unexpected("looking for beginning of object key string");
            }
            (Expect::Colon, b':') => Expect::Value,
            (Expect::Colon, _) => return unexpected("after object key"),
            (Expect::More, _) => match (open.last(), byte) {
                (Some(Open::Object), b',') => Expect::Key,
                (_, b',') => Expect::Value,
                (Some(Open::Object), b'}') | (Some(Open::List), b']') => {
                    open.pop();
                    Expect::More
                }
                (Some(Open::Object), _) => return unexpected("after object key:value pair"),
                _ => return unexpected("after array element"),
            },
        };
    }
}

struct Scan<'a> {
    rest: &'a [u8],
    /// Whether more might have come: then an end inside a token is told as that.
    is_stream: bool,
}

impl Scan<'_> {
    fn blanks(&mut self) {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn next(&mut self) -> Result<u8, SyntaxError> {
        let end = if self.is_stream { SyntaxError::Eof } else { SyntaxError::End };
        let (byte, rest) = self.rest.split_first().ok_or(end)?;
        self.rest = rest;
        Ok(*byte)
    }

    /// The next byte of a token. At its end Go feeds a text one blank, so that a token which is cut short complains about that.
    fn within(&mut self) -> Result<u8, SyntaxError> {
        if self.is_stream { self.next() } else { Ok(self.next().unwrap_or(b' ')) }
    }

    /// The rest of a value that nothing nests in, after its first byte.
    fn scalar(&mut self, first: u8) -> Result<(), SyntaxError> {
        match first {
            b'"' => self.string(),
            b'-' => match self.within()? {
                digit @ b'0'..=b'9' => self.number(digit),
                byte => Err(SyntaxError::Byte { byte, place: "in numeric literal" }),
            },
            b'0'..=b'9' => self.number(first),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            byte => Err(SyntaxError::Byte { byte, place: "looking for beginning of value" }),
        }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), SyntaxError> {
        for expected in word.bytes().skip(1) {
            let byte = self.within()?;
            if byte != expected {
                return Err(SyntaxError::Literal { byte, word, expected });
            }
        }
        Ok(())
    }

    /// A number after its first digit. Only a zero stands alone before a point.
    fn number(&mut self, first: u8) -> Result<(), SyntaxError> {
        if first != b'0' {
            self.digits();
        }
        if let [b'.', rest @ ..] = self.rest {
            self.rest = rest;
            self.some_digits("after decimal point in numeric literal")?;
        }
        if let [b'e' | b'E', rest @ ..] = self.rest {
            self.rest = rest;
            if let [b'+' | b'-', rest @ ..] = self.rest {
                self.rest = rest;
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn some_digits(&mut self, place: &'static str) -> Result<(), SyntaxError> {
        let byte = self.within()?;
        if !byte.is_ascii_digit() {
            return Err(SyntaxError::Byte { byte, place });
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        while let [b'0'..=b'9', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// A string after its opening quote. Bytes that are not UTF-8 pass, as in Go.
    fn string(&mut self) -> Result<(), SyntaxError> {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.within()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let byte = self.within()?;
                            if !byte.is_ascii_hexdigit() {
                                let place = r"in \u hexadecimal character escape";
                                return Err(SyntaxError::Byte { byte, place });
                            }
                        }
                    }
                    byte => return Err(SyntaxError::Byte { byte, place: "in string escape code" }),
                },
                byte @ 0..0x20 => return Err(SyntaxError::Byte { byte, place: "in string literal" }),
                _ => {}
            }
        }
    }
}
