//! `ipam.resolvConf`: the `dns` of a result from a file like `/etc/resolv.conf` (resolv.conf(5)), read as `host-local` reads it.

use std::fs;
use std::path::Path;

use super::error::Error;
use crate::cni::Dns;

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<Dns, Error> {
    let bytes = fs::read(path).map_err(|source| Error::ResolvConf { path: path.to_owned(), source })?;
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

/// Lines of a keyword and values. Several `search` and `options` lines add up, the last `domain` wins; other keywords,
/// comments and keywords without a value are passed over.
fn parse(text: &str) -> Dns {
    let mut dns = Dns::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(keyword), Some(value)) = (words.next(), words.next()) else { continue };
        let values = || std::iter::once(value).chain(words.clone()).map(str::to_owned);
        match keyword {
            "nameserver" => dns.nameservers.push(value.to_owned()),
            "domain" => value.clone_into(&mut dns.domain),
            "search" => dns.search.extend(values()),
            "options" => dns.options.extend(values()),
            _ => {}
        }
    }
    dns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let text = "# comment\n; nameserver 9.9.9.9\n\n  nameserver 10.0.0.1 ignored\nnameserver\tfd00::1\r\ndomain a.test\n\
            domain b.test\nsearch x.test y.test\nsearch z.test\noptions ndots:5\noptions rotate timeout:1\nsortlist 1.2.3.4\nnameserver\n";
        let dns = parse(text);
        assert_eq!(dns.nameservers, ["10.0.0.1", "fd00::1"]);
        assert_eq!(dns.domain, "b.test");
        assert_eq!(dns.search, ["x.test", "y.test", "z.test"]);
        assert_eq!(dns.options, ["ndots:5", "rotate", "timeout:1"]);
        assert!(parse("").is_empty());
    }
}
