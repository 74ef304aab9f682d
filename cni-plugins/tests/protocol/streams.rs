//! Standard input, output and error.

use std::io::{self, Read};

use cni_plugins::cni::{Command, Exit, STDIN_BYTES_MAX, run};
use serde_json::{Value, json};

use super::fixed::{Env, Fixed, ask, config, env};

#[test]
fn standard_input_is_bounded() {
    let plugin = Fixed::default();
    let (mut stdout, mut endless) = (Vec::new(), io::repeat(b' '));
    let exit = run(&plugin, &env(Command::Add), &mut endless, &mut stdout, &mut io::sink());
    assert_eq!(exit, Exit::Failure);
    let error: Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!(error["code"], 5);
    assert_eq!(
        error["msg"],
        format!("network configuration on stdin is longer than {STDIN_BYTES_MAX} bytes")
    );

    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("cable cut"))
        }
    }
    stdout.clear();
    let _ = run(&plugin, &env(Command::Add), &mut Broken, &mut stdout, &mut io::sink());
    let error: Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!(
        error,
        json!({"cniVersion": "1.1.0", "code": 5, "msg": "error reading from stdin", "details": "cable cut"})
    );
}

#[test]
fn version() {
    let supported = json!(["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]);
    let only = Env::from([("CNI_COMMAND", "VERSION")]);
    for (stdin, echoed) in [
        (r#"{"cniVersion":"0.4.0"}"#, "0.4.0"),
        (r#"{"cniVersion":"1.1.0"} and more"#, "1.1.0"),
        (r#"{"cniVersion":"2.0.0"}"#, "2.0.0"),
        (r#"{"cniVersion":"x"}"#, "1.1.0"),
        (r#"{"cniVersion":7}"#, "1.1.0"),
        ("{}", "1.1.0"),
        ("", "1.1.0"),
        ("not json", "1.1.0"),
    ] {
        let answer = ask(&Fixed::default(), &only, stdin);
        assert_eq!(answer.exit, Exit::Success);
        assert_eq!(answer.json(), json!({"cniVersion": echoed, "supportedVersions": supported}), "{stdin}");
    }
    // The answer does not wait for the end of the input.
    struct ThenSilence(bool);
    impl Read for ThenSilence {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0, "read on after the object was complete");
            self.0 = true;
            buffer.split_at_mut(22).0.copy_from_slice(br#"{"cniVersion":"1.0.0"}"#);
            Ok(22)
        }
    }
    let mut stdin = io::BufReader::new(ThenSilence(false));
    let mut stdout = Vec::new();
    let _ = run(&Fixed::default(), &only, &mut stdin, &mut stdout, &mut io::sink());
    assert_eq!(serde_json::from_slice::<Value>(&stdout).unwrap()["cniVersion"], "1.0.0");
}

#[test]
fn without_a_command_it_says_what_it_is() {
    for env in [Env::new(), Env::from([("CNI_COMMAND", ""), ("CNI_IFNAME", "eth0")])] {
        let answer = ask(&Fixed::default(), &env, "");
        assert_eq!(answer.exit, Exit::Success);
        assert_eq!(answer.stdout, "");
        assert_eq!(
            answer.stderr,
            "CNI IPAM plugin fixed v1\nCNI protocol versions supported: 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n"
        );
    }
}

#[test]
fn an_answer_that_nobody_can_read_is_a_failure() {
    struct Closed;
    impl io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut stderr = Vec::new();
    let exit =
        run(&Fixed::default(), &env(Command::Add), &mut config("1.0.0").as_bytes(), &mut Closed, &mut stderr);
    assert_eq!(exit, Exit::Failure);
    assert!(String::from_utf8(stderr).unwrap().starts_with("cannot write the answer to stdout"));
}
