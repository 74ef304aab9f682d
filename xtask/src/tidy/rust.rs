//! The words of Rust code, as far as rules need them: names and signs with their lines, without comments and texts.

/// Line and text of each name, each `::` and each other sign.
pub(super) fn tokens(text: &str) -> Vec<(usize, String)> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = skipped(rest);
        let len = if skipped > 0 {
            skipped
        } else if first.is_alphanumeric() || first == '_' {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, behind) = rest.split_at(len);
        if skipped == 0 && !first.is_whitespace() {
            tokens.push((line, token.to_owned()));
        }
        line += token.matches('\n').count();
        rest = behind;
    }
    tokens
}

/// The length of the comment or text at the beginning; 0 if there is none.
fn skipped(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return comment(rest);
    }
    let letters = rest.find(|c| !matches!(c, 'b' | 'c' | 'r')).unwrap_or_default();
    let (prefix, body) = rest.split_at(letters.min(2));
    if prefix.ends_with('r') {
        let marks = body.find(|c| c != '#').unwrap_or_default();
        let (marks, body) = body.split_at(marks);
        if let Some(body) = body.strip_prefix('"') {
            let end = format!("\"{marks}");
            let len = body.find(&end).map_or(body.len(), |at| at + end.len());
            return prefix.len() + marks.len() + 1 + len;
        }
    }
    if let Some(body) = body.strip_prefix('"') {
        return prefix.len() + 1 + quoted(body, '"');
    }
    if let Some(body) = body.strip_prefix('\'') {
        // A lifetime has no second quote behind its first letter.
        let is_character = body.starts_with('\\') || body.chars().nth(1) == Some('\'');
        return if is_character { prefix.len() + 1 + quoted(body, '\'') } else { 0 };
    }
    0
}

/// The length up to the end of a block comment, with those inside it.
fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        let step = if tail.starts_with("/*") {
            depth += 1;
            2
        } else if tail.starts_with("*/") {
            depth -= 1;
            2
        } else {
            tail.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length up to and with the closing quote.
fn quoted(body: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in body.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if c == quote {
            return at + c.len_utf8();
        }
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn comments_and_texts_are_left_out() {
        let cases: &[(&str, &str)] = &[
            ("a::b(c)", "1a 1:: 1b 1( 1c 1)"),
            ("a // b\nc", "1a 2c"),
            ("a /* b /* c */ d */ e", "1a 1e"),
            ("/* a\n*/ b", "2b"),
            ("/* never closed", ""),
            ("x(\"a\\\"b\", c)", "1x 1( 1, 1c 1)"),
            ("r\"a\\\" b; br##\"c\"# d\"## e; c\"f\" b'g'", "1b 1; 1e 1;"),
            ("bar(crate_of)", "1bar 1( 1crate_of 1)"),
            ("'a' '\\'' '\"' 'é' &'a b", "1& 1' 1a 1b"),
            ("r#type", "1r 1# 1type"),
            ("\"two\nlines\" a", "2a"),
            ("\"never closed", ""),
        ];
        for (text, want) in cases {
            let found: Vec<String> =
                tokens(text).iter().map(|(line, token)| format!("{line}{token}")).collect();
            assert_eq!(found.join(" "), *want, "{text}");
        }
    }
}
