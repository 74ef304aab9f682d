//! `IpamAddResponse` of the agent's API: read, held against its schema, and turned into the result of one NIC.
//!
//! Faults are told in the words of the original's validator, path and all (`ips.0.nic in body is required`), for the first item of
//! each list that has any.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::error::AgentError;
use crate::cni::{CniResult, Dns, Error as Wrong, Field, IpConfig, Json, Keys, Route};

const MAC_PATTERN: &str = "^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$";

/// What the agent gives, for all NICs of the pod.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Answer {
    ips: Vec<Given>,
    routes: Vec<GivenRoute>,
    dns: Dns,
}

/// An address as it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Given {
    place: String,
    nic: String,
    address: String,
    gateway: String,
    pub(super) pool: String,
    /// `enableIPConflictDetection` or `enableGatewayDetection`.
    pub(super) wants_detection: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct GivenRoute {
    place: String,
    nic: String,
    dst: String,
    gw: String,
}

impl Answer {
    /// Reads an answer. Items that are `null` are passed over: the original's agent is known to write such routes.
    pub(super) fn read(body: &[u8]) -> Result<Self, AgentError> {
        let mut faults = Vec::new();
        let answer = match parse(body) {
            Ok(json) => json.keys().and_then(|keys| Self::from_keys(&keys, &mut faults)),
            Err(fault) => return Err(AgentError::Schema { faults: vec![fault] }),
        };
        match answer {
            Ok(answer) if faults.is_empty() => Ok(answer),
            Ok(_) => Err(AgentError::Schema { faults }),
            Err(wrong) => {
                faults.push(wrong.to_string());
                Err(AgentError::Schema { faults })
            }
        }
    }

    fn from_keys(keys: &Keys<'_>, faults: &mut Vec<String>) -> Result<Self, Wrong> {
        let ips = if keys.get("ips").is_some() {
            items(keys, "ips", faults, Given::from_field)?
        } else {
            faults.push(required("ips"));
            Vec::new()
        };
        let routes = items(keys, "routes", faults, GivenRoute::from_field)?;
        Ok(Self { ips, routes, dns: Dns::from_keys(keys)? })
    }

    /// The addresses of a NIC.
    pub(super) fn of(&self, nic: &str) -> impl Iterator<Item = &Given> {
        self.ips.iter().filter(move |one| one.nic == nic)
    }

    /// What the NIC gets: its entries only, in the agent's order.
    pub(super) fn result(&self, nic: &str) -> Result<CniResult, AgentError> {
        let mut result = CniResult { dns: self.dns.clone(), ..CniResult::default() };
        let mut faults = Vec::new();
        for given in self.of(nic) {
            let address =
                parsed(&given.place, "address", &given.address, "invalid CIDR address", &mut faults);
            result.ips.extend(address.map(|address| IpConfig {
                address,
                gateway: given.gateway(),
                interface: None,
            }));
        }
        for route in self.routes.iter().filter(|route| route.nic == nic) {
            let dst: Option<IpNet> =
                parsed(&route.place, "dst", &route.dst, "invalid CIDR address", &mut faults);
            let gw: Option<IpAddr> = if route.gw.is_empty() {
                None
            } else {
                parsed(&route.place, "gw", &route.gw, "invalid IP address", &mut faults)
            };
            // Agents keep a custom route's destination as it was written, host bits and all.
            result.routes.extend(dst.map(|dst| Route::new(dst.trunc(), gw)));
        }
        if faults.is_empty() { Ok(result) } else { Err(AgentError::Schema { faults }) }
    }
}

impl Given {
    fn from_field(field: &Field<'_>, place: &str, faults: &mut Vec<String>) -> Result<Self, Wrong> {
        let keys = field.keys()?;
        let text = |key: &str| keys.text(key).map(Option::unwrap_or_default);
        let address = required_text(&keys, place, "address", faults)?;
        let mac = text("mac")?;
        if !mac.is_empty() && !is_mac(mac) {
            faults.push(format!("{place}.mac in body should match '{MAC_PATTERN}'"));
        }
        let nic = required_text(&keys, place, "nic", faults)?;
        match keys.get("version").map(|version| version.integer()).transpose()? {
            None => faults.push(required(&format!("{place}.version"))),
            Some(4 | 6) => {}
            Some(_) => faults.push(format!("{place}.version in body should be one of [4 6]")),
        }
        let flag = |key: &str| Ok::<_, Wrong>(keys.flag(key)?.unwrap_or(false));
        Ok(Self {
            place: place.to_owned(),
            nic,
            address,
            gateway: text("gateway")?.to_owned(),
            pool: text("ipPool")?.to_owned(),
            wants_detection: flag("enableIPConflictDetection")? | flag("enableGatewayDetection")?,
        })
    }

    /// As the original: text that is no address is no gateway.
    fn gateway(&self) -> Option<IpAddr> {
        self.gateway.parse().ok()
    }

    /// The gateway as it is written, if it is no address.
    pub(super) fn unreadable_gateway(&self) -> Option<&str> {
        (!self.gateway.is_empty() && self.gateway().is_none()).then_some(self.gateway.as_str())
    }
}

impl GivenRoute {
    fn from_field(field: &Field<'_>, place: &str, faults: &mut Vec<String>) -> Result<Self, Wrong> {
        let keys = field.keys()?;
        Ok(Self {
            dst: required_text(&keys, place, "dst", faults)?,
            gw: required_text(&keys, place, "gw", faults)?,
            nic: required_text(&keys, place, "ifName", faults)?,
            place: place.to_owned(),
        })
    }
}

/// JSON that can be an answer; nothing at all is one without keys, as in the original.
pub(super) fn parse(body: &[u8]) -> Result<Json, String> {
    if body.is_empty() {
        return Ok(Json::Null);
    }
    match Json::parse(body) {
        Ok(json @ (Json::Object(_) | Json::Null)) => Ok(json),
        Ok(json @ (Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::List(_))) => {
            Err(format!("body is {}; want an object", json.kind()))
        }
        Err(Wrong::NotJson(problem)) => Err(format!("body is no JSON: {problem}")),
        Err(other) => Err(other.to_string()),
    }
}

/// Reads the items of a list up to the first that has faults, which go below a heading of their own.
fn items<T>(
    keys: &Keys<'_>,
    key: &str,
    faults: &mut Vec<String>,
    read: impl Fn(&Field<'_>, &str, &mut Vec<String>) -> Result<T, Wrong>,
) -> Result<Vec<T>, Wrong> {
    let mut all = Vec::new();
    for (index, field) in keys.list(key)?.iter().enumerate() {
        if *field.value() == Json::Null {
            continue;
        }
        let mut own = Vec::new();
        all.push(read(field, &format!("{key}.{index}"), &mut own)?);
        if !own.is_empty() {
            faults.push(AgentError::Schema { faults: own }.to_string());
            break;
        }
    }
    Ok(all)
}

fn required_text(keys: &Keys<'_>, place: &str, key: &str, faults: &mut Vec<String>) -> Result<String, Wrong> {
    let text = keys.text(key)?;
    if text.is_none() {
        faults.push(required(&format!("{place}.{key}")));
    }
    Ok(text.unwrap_or_default().to_owned())
}

fn required(place: &str) -> String {
    format!("{place} in body is required")
}

fn parsed<T: FromStr>(
    place: &str,
    key: &str,
    text: &str,
    problem: &str,
    faults: &mut Vec<String>,
) -> Option<T> {
    let value = text.parse().ok();
    if value.is_none() {
        faults.push(format!("{place}.{key} in body is {text:?}: {problem}"));
    }
    value
}

/// Six pairs of hexadecimal digits with a colon between.
fn is_mac(text: &str) -> bool {
    let pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(':').count() == 6 && text.split(':').all(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: &str) -> String {
        Answer::read(body.as_bytes()).and_then(|answer| answer.result("eth0")).unwrap_err().to_string()
    }

    #[test]
    fn what_the_schema_refuses() {
        const HEAD: &str = "validation failure list:\n";
        let item = |item: &str| format!(r#"{{"ips":[{item}]}}"#);
        let ok = r#"{"address":"10.6.0.10/16","nic":"eth0","version":4}"#;
        for (body, want) in [
            (String::new(), "ips in body is required".to_owned()),
            ("null".to_owned(), "ips in body is required".to_owned()),
            (r#"{"ips":null}"#.to_owned(), "ips in body is required".to_owned()),
            (
                r#"{"routes":[{}]}"#.to_owned(),
                format!(
                    "ips in body is required\n{HEAD}routes.0.dst in body is required\nroutes.0.gw in body is required\n\
                     routes.0.ifName in body is required"
                ),
            ),
            (
                item("{}"),
                format!(
                    "{HEAD}ips.0.address in body is required\nips.0.nic in body is required\nips.0.version in body is required"
                ),
            ),
            (
                item(&format!("{ok},{}", ok.replace('4', "5"))),
                format!("{HEAD}ips.1.version in body should be one of [4 6]"),
            ),
            (
                item(&ok.replace("\"nic\"", "\"mac\":\"fa:16:3e:00:00\",\"nic\"")),
                format!("{HEAD}ips.0.mac in body should match '^([0-9A-Fa-f]{{2}}:){{5}}[0-9A-Fa-f]{{2}}$'"),
            ),
            (
                item(&ok.replace("/16", "")),
                r#"ips.0.address in body is "10.6.0.10": invalid CIDR address"#.to_owned(),
            ),
            (r#"{"ips":"none"}"#.to_owned(), "ips is text; want a list".to_owned()),
            (item(r#"{"address":7}"#), "ips[0].address is a number; want text".to_owned()),
            ("[]".to_owned(), "body is a list; want an object".to_owned()),
            ("<html>".to_owned(), "body is no JSON: expected value at line 1 column 1".to_owned()),
        ] {
            assert_eq!(faults(&body), format!("{HEAD}{want}"), "{body}");
        }
    }

    #[test]
    fn keys_in_any_case_and_null_items() {
        let body = r#"{"IPs":[null,{"ADDRESS":"10.6.0.10/16","Nic":"eth0","version":4,"mac":"FA:16:3e:00:00:0a","gateway":""}],
            "routes":[null,{"ifName":"eth0","dst":"172.16.5.1/16","gw":""}],"dns":{"search":["a.test"]},"more":1}"#;
        let result = Answer::read(body.as_bytes()).unwrap().result("eth0").unwrap();
        assert_eq!(result.ips.len(), 1);
        assert_eq!(result.ips[0].gateway, None);
        assert_eq!(result.routes, [Route::new("172.16.0.0/16".parse().unwrap(), None)]);
        assert_eq!(result.dns.search, ["a.test"]);
        assert_eq!(Answer::read(br#"{"ips":[]}"#).unwrap().result("eth0").unwrap(), CniResult::default());
    }

    #[test]
    fn other_nics_entries_are_not_looked_into() {
        let body = r#"{"ips":[{"address":"nonsense","nic":"net1","version":4},{"address":"fd00::1/64","nic":"eth0","version":6,"gateway":"x"}],
            "routes":[{"ifName":"net1","dst":"","gw":""}]}"#;
        let answer = Answer::read(body.as_bytes()).unwrap();
        assert_eq!(answer.result("eth0").unwrap().ips.len(), 1);
        assert_eq!(answer.of("eth0").next().unwrap().unreadable_gateway(), Some("x"));
        assert!(
            answer.result("net1").unwrap_err().to_string().contains("ips.0.address in body is \"nonsense\"")
        );
    }
}
