//! Writing records as Go's `encoding/json` does: compact, keys in order, `<`, `>` and `&` escaped as for HTML.

use super::AllocatedIps;
use crate::go_json::{SLASH, escape};

/// The pieces of the text. Types and not values, so that each piece is copied as a constant.
trait Form {
    /// Around the whole.
    const EDGE: &str;
    /// Before a key.
    const KEY: &str;
    /// Between key and pod.
    const POD: &str;
    /// Between pod and uid.
    const UID: &str;
    /// Behind the uid.
    const END: &str;
    /// Before a character that is escaped.
    const SLASH: &str;
}

/// The text itself.
struct Plain;

impl Form for Plain {
    const EDGE: &str = "";
    const KEY: &str = "\"";
    const POD: &str = "\":{\"pod\":\"";
    const UID: &str = "\",\"podUid\":\"";
    const END: &str = "\"}";
    const SLASH: &str = SLASH;
}

/// The text as a value of a JSON document: each quote and each backslash is escaped once more.
struct Nested;

impl Form for Nested {
    const EDGE: &str = "\"";
    const KEY: &str = "\\\"";
    const POD: &str = "\\\":{\\\"pod\\\":\\\"";
    const UID: &str = "\\\",\\\"podUid\\\":\\\"";
    const END: &str = "\\\"}";
    const SLASH: &str = "\\\\";
}

impl AllocatedIps {
    /// The value of `status.allocatedIPs`; `None` when there is no record, and the field must be absent then: `{}` would keep Go
    /// controllers from releasing the pool (chapter `resources`, 3.3, rule 1).
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        let mut text = String::new();
        self.write::<Plain>(&mut text).then_some(text)
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
        self.write::<Nested>(document)
    }

    fn write<F: Form>(&self, out: &mut String) -> bool {
        if self.is_empty() {
            return false;
        }
        let pieces = F::KEY.len() + F::POD.len() + F::UID.len() + F::END.len() + 1;
        out.reserve(self.text.len() - self.dead + self.len() * pieces + 2 * F::EDGE.len() + 2);
        let is_plain = is_plain(&self.text);
        out.push_str(F::EDGE);
        out.push('{');
        for (index, ip) in self.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(F::KEY);
            write_text::<F>(ip.key, is_plain, out);
            out.push_str(F::POD);
            write_text::<F>(ip.pod, is_plain, out);
            out.push_str(F::UID);
            write_text::<F>(ip.uid, is_plain, out);
            out.push_str(F::END);
        }
        out.push('}');
        out.push_str(F::EDGE);
        true
    }
}

/// Appends a text as it stands between the quotes of a JSON string.
fn write_text<F: Form>(text: &str, is_known_plain: bool, out: &mut String) {
    if is_known_plain || is_plain(text) {
        out.push_str(text);
    } else {
        escape(text, F::SLASH, out);
    }
}

/// Whether every character stands for itself, for sure; those that are not ASCII are looked at one by one.
fn is_plain(text: &str) -> bool {
    // To the end without a look at the answer: the compiler makes that sixteen bytes at a time.
    let of_byte = |byte: u8| {
        matches!(byte, b' '..=b'~')
            & (byte != b'"')
            & (byte != b'\\')
            & (byte != b'<')
            & (byte != b'>')
            & (byte != b'&')
    };
    text.bytes().fold(true, |all, byte| all & of_byte(byte))
}
