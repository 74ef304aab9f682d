//! Go's own HTTP client, as the original's plugin and its callers use it.

use std::path::PathBuf;
use std::process::Command;

use crate::bed::{Act, Bed, Seen};
use crate::page::root;
use spiderpool_daemons::agent::ipam::Refusal;

/// The client, built by the Go of this machine, or why it cannot be.
fn client(folder: &std::path::Path) -> Result<PathBuf, String> {
    let program = folder.join("goclient");
    let source = root().join("daemons/tests/agent/goclient/main.go");
    let mut go = Command::new("go");
    // The standard library only, so nothing is fetched.
    go.args(["build", "-o"]).arg(&program).arg(source).env("GO111MODULE", "off").env("CGO_ENABLED", "0");
    let output = go.output().map_err(|error| format!("go cannot be run: {error}"))?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(program)
}

#[test]
fn go_programs_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let program = match client(folder.path()) {
        Ok(program) => program,
        Err(reason) => {
            println!("skipped: go_programs_are_served: {reason}");
            return;
        }
    };
    let bed = Bed::new();
    bed.recorder.expect(Act::Refuse(Refusal::internal("dead Pod t/web-0")));
    let output = Command::new(program).arg(bed.socket()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        text,
        concat!(
            "healthy: 200 \"\" \n",
            "add: 500 application/json \"\\\"dead Pod t/web-0\\\"\\n\" \n",
            "again: 200 application/json \"{\\\"ips\\\":null,\\\"routes\\\":null}\\n\" reused\n",
            "coordinator, body on GET: 500 application/json \"\\\"coordinator config not found\\\"\\n\" reused\n",
            "streamed: 200 \"\" reused\n",
            "host of the socket's path: 200 \"\" \n",
        )
    );
    assert!(matches!(
        bed.recorder.seen()[..],
        [Seen::Add(_), Seen::Add(_), Seen::Coordinator(_), Seen::Del(_)]
    ));
}
