//! Books are what was saved of them: the suite on a store that is made anew from text after each commit.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

use std::time::Duration;

use ipam_core::testkit::conformance::{self, Setup};
use ipam_core::testkit::strategies;
use ipam_core::{
    Assignment, Attachment, AttachmentOp, Books, BooksError, Change, Family, Owner, PageQuery, PoolFields,
    PoolOp, PoolSpec, Query, RangeSet, Record, Saved, Store, Time, Version, View,
};
use proptest::prelude::*;

fn empty(setup: &Setup) -> Books {
    let mut books = Books::default();
    for pool in &setup.pools {
        books.put_pool(pool.clone(), setup.reserved(pool.family())).unwrap();
    }
    books
}

fn text(books: &Books) -> String {
    serde_json::to_string(&books.saved()).unwrap()
}

fn restored(setup: &Setup, text: &str) -> Result<Books, BooksError> {
    let mut books = empty(setup);
    let saved: Saved = serde_json::from_str(text).unwrap();
    books.restore(saved)?;
    Ok(books)
}

/// Commits through text. Addresses that cool are not saved, so books that may have some go on as they are.
struct Reborn {
    setup: Setup,
    books: Books,
    may_cool: bool,
}

impl Store for Reborn {
    type Error = BooksError;

    fn is_atomic(&self) -> bool {
        true
    }

    fn read(&mut self, query: &Query) -> Result<View, BooksError> {
        Ok(self.books.read(query))
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, BooksError> {
        let (before, versions) = (text(&self.books), self.books.commit(changes));
        if versions.is_err() {
            assert_eq!(text(&self.books), before, "a commit that fails leaves nothing");
        }
        let mut reborn = restored(&self.setup, &text(&self.books)).unwrap();
        assert_eq!(text(&reborn), text(&self.books));
        let page = Query::Page(PageQuery { scope: None, pool: None, after: None, limit: 1_000 });
        assert_eq!(reborn.read(&page), self.books.read(&page));
        for owner in reborn.attachments().map(|(owner, _)| owner.clone()).collect::<Vec<_>>() {
            let query = Query::Holdings { owner, pools: Vec::new() };
            assert_eq!(reborn.read(&query), self.books.read(&query));
        }
        let is_cooling =
            |change: &Change| matches!(change, Change::Pool { cooldown, .. } if *cooldown > Duration::ZERO);
        self.may_cool |= changes.iter().any(is_cooling);
        if !self.may_cool {
            self.books = reborn;
        }
        versions
    }
}

#[test]
fn a_store_that_is_made_anew_keeps_the_contract() {
    let fresh = |setup: &Setup| Reborn { setup: setup.clone(), books: empty(setup), may_cool: false };
    let report = conformance::check(fresh).unwrap();
    assert!(report.skipped.is_empty(), "{report}");
}

proptest! {
    #[test]
    fn whatever_is_done_it_is_made_anew(setup in strategies::setups(), actions in strategies::actions()) {
        let store = Reborn { setup: setup.clone(), books: empty(&setup), may_cool: false };
        conformance::against_model(store, &setup, &actions)?;
    }
}

fn pool(name: &str, ips: &str) -> PoolSpec {
    let fields =
        PoolFields { subnet: "10.6.0.0/24".to_owned(), ips: vec![ips.to_owned()], ..PoolFields::default() };
    PoolSpec::new(&name.parse().unwrap(), &fields).unwrap()
}

fn owner(id: &str) -> Owner {
    Owner::container("net", id).unwrap()
}

fn take(pool: &str, address: &str, id: &str) -> Change {
    let record = Record { address: address.parse().unwrap(), owner: owner(id), stamp: None };
    let (pool, version, now) = (pool.parse().unwrap(), Version::ANY, Time::default());
    Change::Pool { pool, version, ops: vec![PoolOp::TakeAgain(record)], now, cooldown: Duration::ZERO }
}

fn books(pools: &[(&str, &str)]) -> Books {
    empty(&Setup::new(pools.iter().map(|(name, ips)| pool(name, ips)).collect(), Vec::new()))
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let (mut one, mut other) = (books(&[("a", "10.6.0.10-10.6.0.19")]), books(&[("b", "10.6.0.20")]));
    one.commit(&[take("a", "10.6.0.10", "x")]).unwrap();
    other.commit(&[take("b", "10.6.0.20", "y")]).unwrap();
    let before = text(&other);
    assert_eq!(other.restore(one.saved()).unwrap_err().to_string(), "IPPool a does not exist");
    assert_eq!(text(&other), before);

    let twice =
        text(&one).replacen("\"records\":[", &format!("\"records\":[{},", record("10.6.0.10", "z")), 1);
    let twice: Saved = serde_json::from_str(&twice).unwrap();
    let error = one.restore(twice).unwrap_err().to_string();
    assert_eq!(error, "IPPool a: 10.6.0.10 has two records; want one within the subnet");

    // Two pools of one subnet, one of which holds an address that became the other's to give.
    let mut both = books(&[("a", "10.6.0.10-10.6.0.19")]);
    both.commit(&[take("a", "10.6.0.20", "x")]).unwrap();
    let given = pool("b", "10.6.0.20-10.6.0.21");
    let family = given.family();
    both.put_pool(given, RangeSet::empty(family)).unwrap();
    let refused = both.commit(&[take("b", "10.6.0.20", "y")]);
    assert!(matches!(refused, Err(BooksError::Stale { .. })), "{refused:?}");
    let other = both.commit(&[take("a", "10.6.0.21", "y")]);
    assert!(matches!(other, Err(BooksError::Stale { .. })), "free, but it is b's: {other:?}");
    let split = text(&both).replace("\"records\":[]", &format!("\"records\":[{}]", record("10.6.0.20", "y")));
    let error = both.restore(serde_json::from_str(&split).unwrap()).unwrap_err().to_string();
    assert_eq!(error, "IPPool b: 10.6.0.20 has two records; want one within the subnet");
}

fn record(address: &str, id: &str) -> String {
    let record = Record { address: address.parse().unwrap(), owner: owner(id), stamp: None };
    serde_json::to_string(&record).unwrap()
}

#[test]
fn a_version_never_comes_back() {
    let mut books = books(&[("a", "10.6.0.10-10.6.0.19")]);
    let change = take("a", "10.6.0.10", "x");
    let mut seen = vec![books.version(&change)];
    seen.extend(books.commit(std::slice::from_ref(&change)).unwrap());
    books.drop_pool(&"a".parse().unwrap());
    assert!(!seen.contains(&books.version(&change)));
    books.put_pool(pool("a", "10.6.0.10"), RangeSet::empty(Family::V4)).unwrap();
    assert!(!seen.contains(&books.version(&change)));
    let overlap = books.put_pool(pool("b", "10.6.0.10"), RangeSet::empty(Family::V4));
    assert!(matches!(overlap, Err(BooksError::Overlap { .. })));
}

#[test]
fn a_commit_of_several_changes_is_whole() {
    let mut books = books(&[("a", "10.6.0.10-10.6.0.19")]);
    let assignment = Assignment { pool: "a".parse().unwrap(), address: "10.6.0.10".parse().unwrap() };
    let attachment = Attachment { nic: "eth0".parse().unwrap(), assignments: vec![assignment] };
    let attach = |version| {
        let ops = vec![AttachmentOp::Set(attachment.clone())];
        Change::Attachments { owner: owner("x"), version, ops }
    };
    let before = text(&books);
    let stale = books.commit(&[take("a", "10.6.0.10", "x"), attach(Version::new("7"))]);
    assert_eq!(stale.unwrap_err().to_string(), "attachments of container x on network net has moved on");
    let records = |text: &str| text.matches("address").count();
    assert_eq!(records(&text(&books)), records(&before));
    books.commit(&[take("a", "10.6.0.10", "x"), attach(Version::ANY)]).unwrap();
    assert_eq!(books.attachments().count(), 1);
    assert_eq!(books.pools().map(ipam_core::PoolState::len).sum::<usize>(), 1);
}
