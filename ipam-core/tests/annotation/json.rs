//! The reader of Go's JSON.

use ipam_core::go_json::{JsonError, Place, Value};

const TEXT: Place = Place::Field("T", "text");

fn text(json: &[u8]) -> Option<String> {
    Value::parse(json).unwrap().text(TEXT).unwrap()
}

#[test]
fn syntax_errors_are_told_in_the_words_of_go() {
    for (json, want) in [
        ("", "unexpected end of JSON input"),
        (" \n", "unexpected end of JSON input"),
        ("p4", "invalid character 'p' looking for beginning of value"),
        ("'a'", r"invalid character '\'' looking for beginning of value"),
        ("\u{c}1", r"invalid character '\f' looking for beginning of value"),
        ("\u{1}", r"invalid character '\x01' looking for beginning of value"),
        // Go sees the first byte of the letter, and takes it for a letter.
        ("é", "invalid character 'Ã' looking for beginning of value"),
        ("\u{2028}", "invalid character 'â' looking for beginning of value"),
        ("{} x", "invalid character 'x' after top-level value"),
        ("1 2", "invalid character '2' after top-level value"),
        ("01", "invalid character '1' after top-level value"),
        ("{", "unexpected end of JSON input"),
        ("{1:2}", "invalid character '1' looking for beginning of object key string"),
        (r#"{"a":1,}"#, "invalid character '}' looking for beginning of object key string"),
        (r#"{"a" 1}"#, "invalid character '1' after object key"),
        (r#"{"a":1 "b":2}"#, r#"invalid character '"' after object key:value pair"#),
        (r#"{"a":1]"#, "invalid character ']' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[1}", "invalid character '}' after array element"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("[", "unexpected end of JSON input"),
        ("]", "invalid character ']' looking for beginning of value"),
        ("nonsense", "invalid character 'o' in literal null (expecting 'u')"),
        // Go feeds the end of a text one blank.
        ("tru", "invalid character ' ' in literal true (expecting 'e')"),
        ("falsy", "invalid character 'y' in literal false (expecting 'e')"),
        ("-", "invalid character ' ' in numeric literal"),
        ("-x", "invalid character 'x' in numeric literal"),
        ("1.", "invalid character ' ' after decimal point in numeric literal"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("1e+x", "invalid character 'x' in exponent of numeric literal"),
        ("\"a", "unexpected end of JSON input"),
        ("\"a\nb\"", r"invalid character '\n' in string literal"),
        (r#""\x""#, "invalid character 'x' in string escape code"),
        (r#""\u12g4""#, r"invalid character 'g' in \u hexadecimal character escape"),
    ] {
        assert_eq!(Value::parse(json.as_bytes()).unwrap_err().to_string(), want, "{json:?}");
    }
    // Outside a string no byte that is not ASCII begins anything.
    let error = Value::parse(b"\x80").unwrap_err();
    assert_eq!(error.to_string(), r"invalid character '\u0080' looking for beginning of value");
}

#[test]
fn the_first_value_of_a_stream_is_read_and_no_more() {
    let keys = |text: &str| {
        let value = Value::first(text.as_bytes()).unwrap().unwrap();
        value.members(Place::Root("T")).unwrap().map(|member| member.key().to_owned()).collect::<Vec<_>>()
    };
    for text in [r#"{"a":1}"#, r#" {"a":[]}"#, r#"{"a":1} trailing"#, r#"{"a":1}}"#] {
        assert_eq!(keys(text), ["a"], "{text}");
    }
    assert!(Value::first(b"null").unwrap().unwrap().is_null());
    assert!(Value::first(b"null x").unwrap().unwrap().is_null());
    assert!(Value::first(b" \r\n").unwrap().is_none());
    for (text, want) in [
        (r#"{"a":"#, "unexpected EOF"),
        ("nul", "unexpected EOF"),
        ("-", "unexpected EOF"),
        ("\"a", "unexpected EOF"),
        ("nonsense", "invalid character 'o' in literal null (expecting 'u')"),
        ("nullx", "invalid character 'x' after top-level value"),
        (r#""a"}"#, "invalid character '}' after top-level value"),
        (r#"{"a" 1}"#, "invalid character '1' after object key"),
    ] {
        assert_eq!(Value::first(text.as_bytes()).unwrap_err().to_string(), want, "{text}");
    }
}

#[test]
fn strings() {
    for (json, want) in [
        (&br#""""#[..], ""),
        (br#""a b""#, "a b"),
        ("\"é\u{1f600}\"".as_bytes(), "é\u{1f600}"),
        (br#""\b\f\n\r\t\\\/\"""#, "\u{8}\u{c}\n\r\t\\/\""),
        (br#""\u00e9\u00E9x""#, "ééx"),
        (br#""\ud83d\ude00""#, "\u{1f600}"),
        // Halves of pairs, and what is no UTF-8: one replacement a half, one a byte.
        (br#""\ud83d""#, "\u{fffd}"),
        (br#""\ude00\ud83dx""#, "\u{fffd}\u{fffd}x"),
        (br#""\ud83d\u0041""#, "\u{fffd}A"),
        (br#""\ud83d\n""#, "\u{fffd}\n"),
        (br#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
        (b"\"a\xffb\"", "a\u{fffd}b"),
        (b"\"\xe2\x82x\"", "\u{fffd}\u{fffd}x"),
        (b"\"\xed\xa0\x80\"", "\u{fffd}\u{fffd}\u{fffd}"),
    ] {
        assert_eq!(text(json).as_deref(), Some(want), "{}", String::from_utf8_lossy(json));
    }
    assert_eq!(text(b"null"), None);
}

#[test]
fn types_are_told_in_the_words_of_go() {
    let parse = |json: &'static str| Value::parse(json.as_bytes()).unwrap();
    let told = |error: JsonError| error.to_string();
    for (json, found) in
        [("[]", "array"), ("{}", "object"), ("-1.5e3", "number"), ("true", "bool"), ("\"a\"", "string")]
    {
        let value = parse(json);
        let bool = value.truth(Place::Field("AnnoIPPoolItem", "cleangateway"));
        match bool {
            Ok(truth) => assert_eq!(truth, Some(true), "{json}"),
            Err(error) => assert_eq!(
                told(error),
                format!(
                    "json: cannot unmarshal {found} into Go struct field AnnoIPPoolItem.cleangateway of type bool"
                )
            ),
        }
        if found != "string" {
            let want = format!("json: cannot unmarshal {found} into Go struct field T.text of type string");
            assert_eq!(told(value.text(TEXT).unwrap_err()), want);
        }
        if found != "array" {
            let want = format!("json: cannot unmarshal {found} into Go value of type types.List");
            assert_eq!(told(value.items(Place::Root("types.List")).err().unwrap()), want);
            let want = format!("json: cannot unmarshal {found} into Go struct field T.text of type []string");
            assert_eq!(told(value.texts(TEXT).unwrap_err()), want);
        }
        if found != "object" {
            let want = format!("json: cannot unmarshal {found} into Go value of type types.It");
            assert_eq!(told(value.members(Place::Root("types.It")).err().unwrap()), want);
        }
    }
    let error = parse(r#"["a", 4]"#).texts(TEXT).unwrap_err();
    assert_eq!(told(error), "json: cannot unmarshal number into Go struct field T.text of type string");
    assert_eq!(parse("null").texts(TEXT), Ok(vec![]));
    assert_eq!(parse("null").truth(TEXT), Ok(None));
    assert_eq!(parse(r#"[null, "a"]"#).texts(TEXT), Ok(vec![String::new(), "a".to_owned()]));
}

#[test]
fn keys_match_without_regard_to_case() {
    for (key, is_it) in [
        ("mask", true),
        ("MASK", true),
        ("mAsK", true),
        // The two letters outside ASCII that Unicode folds into it.
        ("ma\u{17f}k", true),
        ("mas\u{212a}", true),
        ("ma\\u017f\\u212A", true),
        ("maßk", false),
        ("mas", false),
        ("masks", false),
        ("màsk", false),
        ("", false),
    ] {
        let json = format!(r#" {{ "{key}" : [ 1 , {{ "mask" : 2 }} ] , "other" : null }} "#);
        let value = Value::parse(json.as_bytes()).unwrap();
        let found: Vec<bool> =
            value.members(Place::Root("T")).unwrap().map(|member| member.is("mask")).collect();
        assert_eq!(found, [is_it, false], "{key}");
    }
}

#[test]
fn depth_is_bounded_and_costs_no_stack() {
    let nested = |open: &str, close: &str, depth: usize| open.repeat(depth) + close.repeat(depth).as_str();
    assert!(Value::parse(nested("[", "]", 10_000).as_bytes()).is_ok());
    let error = Value::parse(nested("[", "]", 10_001).as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "invalid character '[' exceeded max depth");
    for open in ["[", "{\"a\":"] {
        assert!(Value::parse(open.repeat(1_000_000).as_bytes()).is_err());
    }
    let deep = format!(r#"{{"x": {}, "text": "a"}}"#, nested("{\"x\":[", "]}", 4_000));
    let value = Value::parse(deep.as_bytes()).unwrap();
    let last = value.members(Place::Root("T")).unwrap().last().unwrap();
    assert!(last.is("text"));
    assert_eq!(last.value.text(TEXT).unwrap().as_deref(), Some("a"));
}
