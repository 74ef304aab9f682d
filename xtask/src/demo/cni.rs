//! A CNI plugin, called as a container runtime calls it: parameters in the environment, the network config on standard input.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A plugin's answer to a command it did not carry out.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The number CNI or the plugin gives it.
    pub(super) code: i64,
    /// What it says.
    pub(super) message: String,
}

/// What came of a command.
pub(super) type Answer = std::result::Result<Value, Refusal>;

/// Runs a plugin whose environment is set.
pub(super) fn call(mut plugin: Command, config: &str) -> Result<Answer> {
    let name = plugin.get_program().to_string_lossy().into_owned();
    let mut child = plugin
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name}: cannot be started"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(config.as_bytes()).context("the plugin does not read its config")?;
    }
    let output = child.wait_with_output().with_context(|| format!("{name}: cannot be waited for"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let answer: Value = if text.trim().is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).with_context(|| format!("{name}: not JSON: {text}"))?
    };
    if output.status.success() {
        return Ok(Ok(answer));
    }
    let part = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (message, details) = (part("msg"), part("details"));
    let message = if details.is_empty() { message } else { format!("{message}: {details}") };
    Ok(Err(Refusal { code: answer.get("code").and_then(Value::as_i64).unwrap_or(-1), message }))
}

/// The result of a command that must not be refused.
pub(super) fn accepted(answer: Answer, command: &str) -> Result<Value> {
    match answer {
        Ok(result) => Ok(result),
        Err(Refusal { code, message }) => bail!("{command} failed with error {code}: {message}"),
    }
}

/// The first address of an ADD's result, without its prefix length.
pub(super) fn address_of(result: &Value) -> Result<String> {
    let address = result.pointer("/ips/0/address").and_then(Value::as_str);
    let address = address.with_context(|| format!("the ADD's result has no address: {result}"))?;
    Ok(address.split('/').next().unwrap_or(address).to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::address_of;

    #[test]
    fn the_address_is_taken_from_the_result() {
        let result = json!({ "ips": [{ "address": "10.6.0.10/24", "interface": 2 }] });
        assert_eq!(address_of(&result).unwrap(), "10.6.0.10");
        assert!(address_of(&json!({ "ips": [] })).is_err());
    }
}
