//! Text as Go's `encoding/json` writes it: compact, with escapes for what could end a script element in HTML and for the two line
//! ends that JavaScript knows.

use super::{Value, text, value_len};

/// What begins an escape in a text; where the text is itself inside a JSON string, it is written twice.
pub(crate) const SLASH: &str = "\\";

/// Appends a JSON string, quotes included.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    escape(text, SLASH, out);
    out.push('"');
}

/// Appends what stands between the quotes. `slash` begins an escape.
pub(crate) fn escape(text: &str, slash: &str, out: &mut String) {
    for c in text.chars() {
        let short = match c {
            '"' => '"',
            '\\' => '\\',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\u{8}' => 'b',
            '\u{c}' => 'f',
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(slash);
                let number = u32::from(c);
                out.push('u');
                for shift in [12, 8, 4, 0] {
                    out.extend(char::from_digit(number >> shift & 0xf, 16));
                }
                continue;
            }
            other => {
                out.push(other);
                continue;
            }
        };
        // What an escape stands for is itself escaped in a document, where it is a quote or a backslash.
        out.push_str(slash);
        if slash.len() > 1 && matches!(short, '"' | '\\') {
            out.push('\\');
        }
        out.push(short);
    }
}

impl Value<'_> {
    /// The value as Go would write it, members in the order in which they stand.
    pub(crate) fn compact(self) -> String {
        let (mut out, mut rest) = (String::with_capacity(self.0.len()), self.0);
        while let Some((byte, after)) = rest.split_first() {
            if *byte == b'"' {
                let (string, after) = rest.split_at_checked(value_len(rest)).unwrap_or((rest, &[]));
                let inner = string.strip_prefix(b"\"").and_then(|string| string.strip_suffix(b"\""));
                push_string(&mut out, &text::unquote(inner.unwrap_or_default()));
                rest = after;
                continue;
            }
            // Outside of strings a checked text is ASCII.
            if !byte.is_ascii_whitespace() {
                out.push(char::from(*byte));
            }
            rest = after;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    fn check(text: &str, want: &str) {
        assert_eq!(Value::parse(text.as_bytes()).expect(text).compact(), want);
    }

    #[test]
    fn blanks_go_and_strings_are_escaped_as_go_does() {
        check(" { \"a b\" : [ 1.50 , -2e+3,true ,\n\tnull ] } ", r#"{"a b":[1.50,-2e+3,true,null]}"#);
        check(r#""<\u003e\/\ud83d\ude00\ud83d\" ""#, "\"\\u003c\\u003e/😀\u{fffd}\\\" \"");
        check("\"\u{2028}\u{7f}é\"", "\"\\u2028\u{7f}é\"");
        check(r#"[["]",{"}":"\\"}]]"#, r#"[["]",{"}":"\\"}]]"#);
    }
}
