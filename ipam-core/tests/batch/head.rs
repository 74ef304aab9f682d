//! The head of group commit, call by call.

use std::time::Duration;

use ipam_core::batch::{Batcher, Dispatch, FlightId, Limits, Outcome, Reply, SPLITS_MAX, Ticket, Work};
use ipam_core::{
    AttachmentOp, Change, Class, Obstacle, Owner, PickQuery, PickView, PoolOp, Start, Time, Version, View,
    Want,
};

use crate::bed::{free, on, owner, take};

fn batcher() -> Batcher {
    Batcher::new(false, Limits::default())
}

/// What is sent, which must be a commit.
fn commit(dispatch: Option<Dispatch>) -> (FlightId, Vec<Change>) {
    match dispatch {
        Some(Dispatch { flight, work: Work::Commit(changes) }) => (flight, changes),
        other => panic!("a commit is to be sent, not {other:?}"),
    }
}

fn picks(dispatch: Option<Dispatch>) -> (FlightId, Vec<PickQuery>) {
    match dispatch {
        Some(Dispatch { flight, work: Work::Pick(queries) }) => (flight, queries),
        other => panic!("picks are to be sent, not {other:?}"),
    }
}

/// The operations of the one change.
fn ops(changes: &[Change]) -> Vec<PoolOp> {
    match changes {
        [Change::Pool { version, ops, .. }] => {
            assert_eq!(*version, Version::ANY, "the conditions decide");
            ops.clone()
        }
        other => panic!("one change of a pool, not {other:?}"),
    }
}

fn stored(batcher: &mut Batcher, flight: FlightId) -> Vec<Ticket> {
    let told = batcher.answered(flight, Reply::Committed(Ok(vec![Version::new("1")])));
    let done = Outcome::Committed(Ok(vec![Version::new("1")]));
    assert!(told.iter().all(|(_, outcome)| *outcome == done), "{told:?}");
    told.into_iter().map(|(ticket, _)| ticket).collect()
}

fn failed(batcher: &mut Batcher, flight: FlightId, class: Class) -> Vec<(Ticket, Class)> {
    let told = batcher.answered(flight, Reply::Committed(Err(class)));
    let class = |outcome| match outcome {
        Outcome::Committed(Err(class)) => class,
        other => panic!("a failure, not {other:?}"),
    };
    told.into_iter().map(|(ticket, outcome)| (ticket, class(outcome))).collect()
}

fn ask(batcher: &mut Batcher) -> Ticket {
    batcher.pick(question())
}

fn question() -> PickQuery {
    let (want, now) = (Want::Any(Start::Lowest), Time::default());
    PickQuery { pool: "v4".parse().unwrap(), want, except: Vec::new(), now, cooldown: Duration::ZERO }
}

fn view(outcome: Result<&str, Obstacle>) -> View {
    let outcome = outcome.map(|address| address.parse().unwrap());
    View::Pick(PickView { version: Version::ANY, spec: None, outcome })
}

const EXHAUSTED: Obstacle = Obstacle::Exhausted { capacity: 1 };

#[test]
fn a_lone_commit_goes_out_at_once_and_a_burst_in_two() {
    let mut batcher = batcher();
    let first = batcher.commit(vec![on("v4", vec![take("10.6.0.1", "a")])]);
    let (flight, _) = commit(batcher.next());
    let others: Vec<Ticket> = (2..=200)
        .map(|n| batcher.commit(vec![on("v4", vec![take(&format!("10.6.0.{n}"), &format!("c{n}"))])]))
        .collect();
    assert_eq!(batcher.next(), None, "one commit of a pool at a time");
    assert_eq!(stored(&mut batcher, flight), [first]);
    let (flight, changes) = commit(batcher.next());
    assert_eq!(ops(&changes).len(), 199);
    assert_eq!(stored(&mut batcher, flight), others);
    assert_eq!(batcher.next(), None);
    for ticket in others.into_iter().chain([first]) {
        batcher.close(ticket);
    }
    assert!(batcher.is_idle());
}

/// A store that knows whose condition failed spares the others the search for the one to blame.
#[test]
fn who_is_to_blame_is_told_and_the_others_go_again() {
    let mut batcher = batcher();
    let take = |number: usize| vec![on("v4", vec![take(&format!("10.6.0.{number}"), &format!("o{number}"))])];
    let first = batcher.commit(take(1));
    let (flight, _) = commit(batcher.next());
    let tickets: Vec<Ticket> = (2..6).map(|number| batcher.commit(take(number))).collect();
    stored(&mut batcher, flight);
    let (flight, changes) = commit(batcher.next());
    assert_eq!(ops(&changes).len(), 4);
    let blamed = |address: &str| Reply::Blamed(address.parse().unwrap());
    let told = batcher.answered(flight, blamed("10.6.0.3"));
    assert_eq!(told, [(tickets[1], Outcome::Committed(Err(Class::Conflict)))]);
    // One who has hung up may be to blame too: nobody is told, and nothing of it is sent again.
    let (flight, changes) = commit(batcher.next());
    assert_eq!(ops(&changes).len(), 3);
    batcher.close(tickets[0]);
    assert_eq!(batcher.answered(flight, blamed("10.6.0.2")), []);
    // Nobody has this address: as any other conflict.
    let (flight, changes) = commit(batcher.next());
    assert_eq!(ops(&changes).len(), 2);
    assert_eq!(batcher.answered(flight, blamed("10.6.0.99")), []);
    let (flight, changes) = commit(batcher.next());
    assert_eq!(ops(&changes).len(), 2, "sent once more");
    assert_eq!(stored(&mut batcher, flight), tickets[2..]);
    for ticket in tickets.into_iter().chain([first]) {
        batcher.close(ticket);
    }
    assert!(batcher.is_idle());
}

#[test]
fn pools_do_not_wait_for_each_other_unless_the_store_is_atomic() {
    let changes = |pool: &str, address: &str| vec![on(pool, vec![take(address, "a")])];
    let mut parallel = batcher();
    parallel.commit(changes("v4", "10.6.0.1"));
    parallel.commit(changes("v6", "fd00::1"));
    assert!(parallel.next().is_some() && parallel.next().is_some());

    let mut together = Batcher::new(true, Limits::default());
    let set = |number: usize| {
        let ops = vec![AttachmentOp::Clear];
        Change::Attachments { owner: owner(number), version: Version::new("7"), ops }
    };
    let one = together.commit(vec![on("v4", vec![take("10.6.0.1", "a")]), set(1)]);
    let two = together.commit(vec![
        on("v6", vec![take("fd00::2", "b")]),
        on("v4", vec![take("10.6.0.2", "b")]),
        set(2),
    ]);
    let (flight, changes) = commit(together.next());
    let merged = Change::Pool {
        pool: "v4".parse().unwrap(),
        version: Version::ANY,
        ops: vec![take("10.6.0.1", "a"), take("10.6.0.2", "b")],
        now: Time::default(),
        cooldown: Duration::ZERO,
    };
    assert_eq!(changes.len(), 4);
    assert_eq!(changes[0], merged);
    assert_eq!(changes[2..], [set(1), set(2)], "attachments keep the version they were planned on");
    let versions = ["p4", "p6", "a1", "a2"].map(Version::new).to_vec();
    let told = together.answered(flight, Reply::Committed(Ok(versions)));
    let own = |names: &[&str]| Outcome::Committed(Ok(names.iter().map(|name| Version::new(*name)).collect()));
    assert_eq!(told, [(one, own(&["p4", "a1"])), (two, own(&["p6", "p4", "a2"]))]);
}

#[test]
fn those_who_want_the_same_go_one_after_the_other() {
    let mut batcher = Batcher::new(true, Limits::default());
    let set = |n: usize| Change::Attachments {
        owner: owner(n),
        version: Version::ANY,
        ops: vec![AttachmentOp::Clear],
    };
    let a = batcher.commit(vec![on("v4", vec![free("10.6.0.1", "a")]), set(1)]);
    let b = batcher.commit(vec![on("v4", vec![take("10.6.0.1", "b")])]);
    // Not the same address, but the attachments of the first.
    let c = batcher.commit(vec![on("v4", vec![take("10.6.0.3", "c")]), set(1)]);
    // The address of the third, which waits: no overtaking.
    let d = batcher.commit(vec![on("v4", vec![free("10.6.0.3", "d")])]);
    let e = batcher.commit(vec![on("v4", vec![take("10.6.0.5", "e")])]);
    let mut rounds = Vec::new();
    while let Some(dispatch) = batcher.next() {
        let (flight, changes) = commit(Some(dispatch));
        let answer = vec![Version::new("1"); changes.len()];
        let told = batcher.answered(flight, Reply::Committed(Ok(answer)));
        rounds.push(told.into_iter().map(|(ticket, _)| ticket).collect::<Vec<_>>());
    }
    assert_eq!(rounds, [vec![a, e], vec![b, c], vec![d]]);
}

#[test]
fn an_odd_commit_goes_alone_and_as_it_is() {
    let mut batcher = Batcher::new(true, Limits::default());
    batcher.commit(vec![on("v4", vec![take("10.6.0.1", "a")])]);
    let twice = vec![on("v4", vec![take("10.6.0.2", "b")]), on("v4", vec![free("10.6.0.3", "b")])];
    batcher.commit(twice.clone());
    batcher.commit(vec![on("v4", vec![take("10.6.0.4", "c")])]);
    let (flight, changes) = commit(batcher.next());
    assert_eq!(ops(&changes), [take("10.6.0.1", "a"), take("10.6.0.4", "c")]);
    stored(&mut batcher, flight);
    assert_eq!(commit(batcher.next()).1, twice);
}

#[test]
fn a_batch_is_bounded() {
    let ready = |limits| {
        let mut batcher = Batcher::new(false, limits);
        for n in 1..=9 {
            batcher.commit(vec![on("v4", vec![take(&format!("10.6.0.{n}"), "a")])]);
        }
        ops(&commit(batcher.next()).1).len()
    };
    assert_eq!(ready(Limits::default()), 9);
    assert_eq!(ready(Limits { members_max: 4, ..Limits::default() }), 4);
    // An operation is some seventy bytes here.
    assert_eq!(ready(Limits { bytes_max: 300, ..Limits::default() }), 4);
    assert_eq!(ready(Limits { members_max: 0, bytes_max: 0 }), 1, "one always goes");
}

/// Plays a store in which these addresses cannot be taken, whatever is done; returns the number of commits and who failed.
fn play(batcher: &mut Batcher, bad: &[&str], class: Class) -> (usize, Vec<(Ticket, Class)>) {
    let (mut commits, mut losers) = (0, Vec::new());
    while let Some(dispatch) = batcher.next() {
        let (flight, changes) = commit(Some(dispatch));
        commits += 1;
        let is_bad = |op: &PoolOp| bad.iter().any(|bad| op.address() == bad.parse().unwrap());
        if ops(&changes).iter().any(is_bad) {
            losers.extend(failed(batcher, flight, class));
        } else {
            stored(batcher, flight);
        }
    }
    (commits, losers)
}

#[test]
fn a_member_that_cannot_be_met_fails_alone() {
    for class in [Class::Conflict, Class::Rejected] {
        let mut batcher = batcher();
        let tickets: Vec<Ticket> = (0..256)
            .map(|n| batcher.commit(vec![on("v4", vec![take(&format!("10.6.1.{n}"), "a")])]))
            .collect();
        let (commits, losers) = play(&mut batcher, &["10.6.1.77"], class);
        assert_eq!(losers, [(tickets[77], class)]);
        assert!(commits <= 1 + 2 * SPLITS_MAX, "{commits} commits");
    }
}

#[test]
fn a_batch_that_nothing_helps_ends() {
    for class in [Class::Conflict, Class::Rejected] {
        let mut batcher = batcher();
        let addresses: Vec<String> = (0..256).map(|n| format!("10.6.1.{n}")).collect();
        for address in &addresses {
            batcher.commit(vec![on("v4", vec![take(address, "a")])]);
        }
        let bad: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let (commits, losers) = play(&mut batcher, &bad, class);
        assert_eq!(losers.len(), 256);
        assert!(commits <= 1 + 2 * SPLITS_MAX, "{commits} commits");
        // Only who was alone is refused for good.
        let refused = losers.iter().filter(|(_, class)| *class == Class::Rejected).count();
        assert!(refused < 20, "{refused}");
    }
}

#[test]
fn an_unknown_outcome_is_told_to_all_on_board_and_to_nobody_else() {
    let mut batcher = batcher();
    let a = batcher.commit(vec![on("v4", vec![take("10.6.0.1", "a")])]);
    let b = batcher.commit(vec![on("v4", vec![take("10.6.0.2", "b")])]);
    let (flight, _) = commit(batcher.next());
    let c = batcher.commit(vec![on("v4", vec![take("10.6.0.3", "c")])]);
    let told = failed(&mut batcher, flight, Class::Unavailable);
    assert_eq!(told, [(a, Class::Unavailable), (b, Class::Unavailable)]);
    let (flight, _) = commit(batcher.next());
    assert_eq!(stored(&mut batcher, flight), [c]);
}

#[test]
fn who_hangs_up_leaves_the_queue_but_not_the_flight() {
    let mut batcher = batcher();
    let a = batcher.commit(vec![on("v4", vec![take("10.6.0.1", "a")])]);
    let b = batcher.commit(vec![on("v4", vec![take("10.6.0.2", "b")])]);
    let (flight, changes) = commit(batcher.next());
    assert_eq!(ops(&changes).len(), 2);
    let c = batcher.commit(vec![on("v4", vec![take("10.6.0.3", "c")])]);
    let d = batcher.commit(vec![on("v4", vec![take("10.6.0.4", "d")])]);
    batcher.close(a);
    batcher.close(c);
    let pool = "v4".parse().unwrap();
    assert_eq!(batcher.planned(&pool).len(), 3, "what is under way may be stored");
    assert_eq!(batcher.interested(flight), [b, d]);
    // Sent again without the one who is gone.
    assert_eq!(failed(&mut batcher, flight, Class::Conflict), []);
    let (flight, changes) = commit(batcher.next());
    assert_eq!(ops(&changes), [take("10.6.0.2", "b")]);
    assert_eq!(stored(&mut batcher, flight), [b]);
    let (flight, changes) = commit(batcher.next());
    assert_eq!(ops(&changes), [take("10.6.0.4", "d")]);
    batcher.close(d);
    batcher.close(b);
    assert!(!batcher.is_idle());
    assert_eq!(stored(&mut batcher, flight), []);
    assert!(batcher.is_idle());
}

#[test]
fn what_was_just_taken_is_a_conflict_without_a_commit() {
    let mut batcher = batcher();
    batcher.commit(vec![on("v4", vec![take("10.6.0.1", "a")])]);
    let (flight, _) = commit(batcher.next());
    let late = batcher.commit(vec![on("v4", vec![take("10.6.0.1", "b")])]);
    let told = batcher.answered(flight, Reply::Committed(Ok(vec![Version::new("1")])));
    assert_eq!(told[1..], [(late, Outcome::Committed(Err(Class::Conflict)))]);
    assert_eq!(batcher.next(), None);
}

#[test]
fn picks_are_kept_from_what_others_are_about_to_take() {
    let mut batcher = batcher();
    let first = ask(&mut batcher);
    let (flight, queries) = picks(batcher.next());
    assert_eq!(queries, [question()]);
    let (second, third) = (ask(&mut batcher), ask(&mut batcher));
    assert_eq!(batcher.next(), None, "one question about a pool at a time");
    let told = batcher.answered(flight, Reply::Picked(Ok(vec![view(Ok("10.6.0.1"))])));
    assert_eq!(told, [(first, Outcome::Picked(Ok(view(Ok("10.6.0.1")))))]);
    let (flight, queries) = picks(batcher.next());
    let spared = PickQuery { except: vec!["10.6.0.1".parse().unwrap()], ..question() };
    assert_eq!(queries, [spared.clone(), spared]);
    batcher.close(second);
    let views = vec![view(Ok("10.6.0.2")), view(Ok("10.6.0.3"))];
    let told = batcher.answered(flight, Reply::Picked(Ok(views)));
    assert_eq!(told, [(third, Outcome::Picked(Ok(view(Ok("10.6.0.3")))))]);
    let pool = "v4".parse().unwrap();
    assert_eq!(batcher.planned(&pool).len(), 2, "nobody takes what was told to nobody");
    // The first commits, the third never does.
    let member = batcher.commit(vec![on("v4", vec![take("10.6.0.1", "a")])]);
    batcher.close(first);
    batcher.close(third);
    assert_eq!(batcher.planned(&pool).len(), 2, "somebody is on the way still");
    let (flight, _) = commit(batcher.next());
    stored(&mut batcher, flight);
    batcher.close(member);
    assert!(batcher.is_idle(), "a lone pick is a function of what is stored");
}

#[test]
fn a_pool_is_full_only_if_nothing_was_kept_from_the_answer() {
    let mut batcher = batcher();
    let (one, two, three) = (ask(&mut batcher), ask(&mut batcher), ask(&mut batcher));
    let (flight, queries) = picks(batcher.next());
    assert_eq!(queries.len(), 3);
    let views = vec![view(Ok("10.6.0.1")), view(Err(EXHAUSTED)), view(Err(EXHAUSTED))];
    let told = batcher.answered(flight, Reply::Picked(Ok(views)));
    assert_eq!(told.iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>(), [one]);
    // Again, without exceptions. What the first was told is not taken yet, so it is the answer.
    let (flight, queries) = picks(batcher.next());
    assert_eq!(queries, [question()]);
    let told = batcher.answered(flight, Reply::Picked(Ok(vec![view(Ok("10.6.0.1"))])));
    assert_eq!(told, [(two, Outcome::Picked(Ok(view(Ok("10.6.0.1")))))]);
    let four = ask(&mut batcher);
    let (flight, queries) = picks(batcher.next());
    assert_eq!(queries, [question()]);
    let told = batcher.answered(flight, Reply::Picked(Ok(vec![view(Err(EXHAUSTED))])));
    assert_eq!(told, [(three, Outcome::Picked(Ok(view(Err(EXHAUSTED)))))]);
    let (_, queries) = picks(batcher.next());
    assert_eq!(queries.len(), 1, "{four:?} is asked with what is planned");
}

#[test]
fn failed_picks_are_told_to_all() {
    let mut batcher = batcher();
    let (one, two) = (ask(&mut batcher), ask(&mut batcher));
    let (flight, _) = picks(batcher.next());
    let told = batcher.answered(flight, Reply::Picked(Err(Class::Unavailable)));
    let lost = || Outcome::Picked(Err(Class::Unavailable));
    assert_eq!(told, [(one, lost()), (two, lost())]);
    // Fewer answers than questions are no answers.
    let (three, four) = (ask(&mut batcher), ask(&mut batcher));
    let (flight, _) = picks(batcher.next());
    let told = batcher.answered(flight, Reply::Picked(Ok(vec![view(Ok("10.6.0.1"))])));
    assert_eq!(told, [(three, Outcome::Picked(Ok(view(Ok("10.6.0.1"))))), (four, lost())]);
}

/// A release that its caller hung up on lands all the same: until then nothing that its owner has is read.
#[test]
fn a_read_waits_for_what_is_under_way_for_its_owner() {
    let owner = |id: &str| Owner::container("net", id).unwrap();
    let release = |id: &str| {
        let op = PoolOp::Release { address: "10.6.0.10".parse().unwrap(), owner: owner(id), seen: None };
        let (pool, version) = ("v4".parse().unwrap(), Version::ANY);
        vec![Change::Pool { pool, version, ops: vec![op], now: Time::default(), cooldown: Duration::ZERO }]
    };
    let mut batcher = Batcher::new(false, Limits::default());
    assert_eq!(batcher.settle(&owner("a")), None, "nothing is under way");
    let ticket = batcher.commit(release("a"));
    assert_eq!(batcher.settle(&owner("a")), None, "it waits, and can be withdrawn");
    let flight = batcher.next().unwrap().flight;
    batcher.close(ticket);
    assert_eq!(batcher.settle(&owner("b")), None, "it is about somebody else");
    let (first, second) = (batcher.settle(&owner("a")).unwrap(), batcher.settle(&owner("a")).unwrap());
    assert_eq!(batcher.flight_of(first), Some(flight), "it may have to drive it");
    batcher.close(second);
    assert_eq!(batcher.interested(flight), [first]);
    let told = batcher.answered(flight, Reply::Committed(Ok(vec![Version::new("1")])));
    assert_eq!(told, [(first, Outcome::Settled)]);
    assert_eq!(batcher.settle(&owner("a")), None, "it has landed");
    batcher.close(first);
    assert!(batcher.is_idle());
}
