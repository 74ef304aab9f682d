//! JSON strings, and how Go matches a key with the name of a field.

/// What stands for anything that is no character: bytes that are not UTF-8, halves of surrogate pairs.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// The string that `inner`, the bytes between the quotes of a checked JSON string, stands for.
pub(super) fn unquote(inner: &[u8]) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    loop {
        let plain = rest.iter().position(|byte| *byte == b'\\').unwrap_or(rest.len());
        let (before, escape) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        push_utf8(&mut out, before);
        rest = match escape {
            [b'\\', b'u', after @ ..] => unicode(&mut out, after),
            [b'\\', letter, after @ ..] => {
                out.push(match letter {
                    b'b' => '\u{8}',
                    b'f' => '\u{c}',
                    b'n' => '\n',
                    b'r' => '\r',
                    b't' => '\t',
                    other => char::from(*other),
                });
                after
            }
            _ => return out,
        };
    }
}

/// Go puts one replacement for each byte that is not UTF-8, where Rust puts one for each broken sequence.
fn push_utf8(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| REPLACEMENT));
    }
}

/// The character of a `\u` escape, after these two letters; a pair of surrogates is one. What follows is given back.
fn unicode<'a>(out: &mut String, after: &'a [u8]) -> &'a [u8] {
    let Some((unit, rest)) = unit(after) else { return &[] };
    if let Some(letter) = char::from_u32(unit) {
        out.push(letter);
        return rest;
    }
    if let [b'\\', b'u', second @ ..] = rest
        && let Some((low, rest)) = self::unit(second)
        && let Some(letter) = pair(unit, low)
    {
        out.push(letter);
        return rest;
    }
    out.push(REPLACEMENT);
    rest
}

/// Four hexadecimal digits.
fn unit(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

fn pair(high: u32, low: u32) -> Option<char> {
    let (high, low) = (u16::try_from(high).ok()?, u16::try_from(low).ok()?);
    char::decode_utf16([high, low]).next()?.ok()
}

/// Whether Go takes a key for a field of this name (lower-case ASCII): without regard to case, where Unicode folds two more
/// letters to ASCII ones, the long s and the Kelvin sign.
pub(super) fn names(key: &str, field: &str) -> bool {
    let mut letters = key.chars().map(|letter| match letter {
        'ſ' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    field.chars().all(|wanted| letters.next() == Some(wanted)) && letters.next().is_none()
}
