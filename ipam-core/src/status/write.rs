//! Writing records as Go's `encoding/json` does: compact, keys in order, `<`, `>` and `&` escaped as for HTML.

use super::AllocatedIps;

/// The pieces of the text. Inside a JSON document each quote and each backslash is escaped once more.
struct Form {
    /// Around the whole.
    edge: &'static str,
    /// Before a key, between key and pod, between pod and uid, behind the uid.
    pieces: [&'static str; 4],
    /// Before a character that is escaped.
    slash: &'static str,
}

/// The text itself.
const PLAIN: Form =
    Form { edge: "", pieces: ["\"", "\":{\"pod\":\"", "\",\"podUid\":\"", "\"}"], slash: "\\" };

/// The text as a value of a JSON document.
const NESTED: Form = Form {
    edge: "\"",
    pieces: ["\\\"", "\\\":{\\\"pod\\\":\\\"", "\\\",\\\"podUid\\\":\\\"", "\\\"}"],
    slash: "\\\\",
};

impl AllocatedIps {
    /// The value of `status.allocatedIPs`; `None` when there is no record, and the field must be absent then: `{}` would keep Go
    /// controllers from releasing the pool (chapter `resources`, 3.3, rule 1).
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        let mut text = String::new();
        self.write(&PLAIN, &mut text).then_some(text)
    }

    /// Appends the same as a JSON string, quotes included, for a document that is put together as text; false, and nothing
    /// appended, when there is no record.
    ///
    /// ```
    /// use ipam_core::{Family, Owner, status::AllocatedIps};
    /// let mut ips = AllocatedIps::new(Family::V6);
    /// ips.set("fd00::5".parse()?, &Owner::pod("default", "web-0", "5b0c")?)?;
    /// let mut document = format!(r#"{{"status":{{"allocatedIPCount":{},"allocatedIPs":"#, ips.len());
    /// assert!(ips.append_json(&mut document));
    /// assert!(document.ends_with(r#"IPs":"{\"fd00::5\":{\"pod\":\"default/web-0\",\"podUid\":\"5b0c\"}}""#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append_json(&self, document: &mut String) -> bool {
        self.write(&NESTED, document)
    }

    fn write(&self, form: &Form, out: &mut String) -> bool {
        if self.is_empty() {
            return false;
        }
        let [before, pod, uid, behind] = form.pieces;
        let pieces: usize = form.pieces.iter().map(|piece| piece.len()).sum();
        out.reserve(self.text.len() - self.dead + self.len() * (pieces + 1) + 2 * form.edge.len() + 2);
        out.push_str(form.edge);
        out.push('{');
        for (index, ip) in self.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(before);
            escape(ip.key, form.slash, out);
            out.push_str(pod);
            escape(ip.pod, form.slash, out);
            out.push_str(uid);
            escape(ip.uid, form.slash, out);
            out.push_str(behind);
        }
        out.push('}');
        out.push_str(form.edge);
        true
    }
}

/// Appends a text as it stands between the quotes of a JSON string.
fn escape(text: &str, slash: &str, out: &mut String) {
    if text.bytes().all(is_plain) {
        out.push_str(text);
        return;
    }
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

/// A byte that stands for itself, for sure; those above 0x7f are looked at as characters.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
}
