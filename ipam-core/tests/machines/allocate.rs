//! Allocation.

use std::time::Duration;

use ipam_core::testkit::MemoryStore;
use ipam_core::{
    Allocate, AllocationRequest, Assignment, Attachment, AttachmentOp, Change, Class, DriveError, Follow,
    GiveUp, Holdings, Input, Machine, Obstacle, Owner, PageView, PickView, PoolOp, Query, Refusal, Stamp,
    Start, Step, Store, Time, Version, View, Want, Why, run,
};

use crate::script::{
    Fate, START, Script, attached, book, clock, container, nic, plant, pools, request, uproot,
};

fn allocate(script: &mut Script, request: AllocationRequest) -> Result<Vec<Attachment>, Refusal> {
    let atomic = script.is_atomic();
    let outcome = run(Allocate::new(request, atomic), script, &mut clock()).unwrap();
    outcome.map(|allocation| allocation.attachments)
}

fn stores() -> [MemoryStore; 2] {
    [pools(MemoryStore::atomic()), pools(MemoryStore::one_at_a_time())]
}

#[test]
fn an_atomic_allocation_is_two_reads_and_a_commit() {
    let owner = container("x");
    let mut machine = Allocate::new(request("x").nic(nic("eth0", &["a"], &[])), true);
    let Step::Read(Query::Holdings { owner: asked, pools }) = machine.step(START, Input::Go) else {
        panic!("holdings")
    };
    assert_eq!((asked, pools), (owner.clone(), vec!["a".parse().unwrap()]));
    let step = machine.step(START, Input::Read(Ok(View::Holdings(Holdings::default()))));
    let Step::Read(Query::Pick(query)) = step else { panic!("a question for an address, not {step:?}") };
    assert_eq!((query.pool.as_str(), query.want), ("a", Want::Any(Start::Lowest)));
    let spec = crate::script::pools(MemoryStore::atomic());
    let view = Store::read(&mut spec.clone(), &Query::Pick(query)).unwrap();
    let step = machine.step(START, Input::Read(Ok(view)));
    let Step::Commit(changes) = step else { panic!("a commit, not {step:?}") };
    let [Change::Pool { ops, .. }, Change::Attachments { owner: bound, ops: attached, .. }] =
        changes.as_slice()
    else {
        panic!("pool and attachments, not {changes:?}")
    };
    assert!(matches!(ops.as_slice(), [PoolOp::Take(record)] if record.owner == owner));
    assert!(matches!(attached.as_slice(), [AttachmentOp::Set(set)] if set.nic.as_str() == "eth0"));
    assert_eq!(bound, &owner);
    let step = machine.step(START, Input::Committed(Ok(vec![Version::ANY, Version::ANY])));
    assert!(matches!(step, Step::Done(Ok(_))), "{step:?}");
    assert_eq!(machine.step(START, Input::Go), Step::GiveUp(GiveUp::Contract), "it has ended");
}

/// Who freed the address lets no NIC name it any more, between our read and our commit.
#[test]
fn an_address_taken_again_is_attached_again() {
    let mut script = Script::new(pools(MemoryStore::one_at_a_time()), &[]);
    let want = || request("x").nic(nic("eth0", &["a"], &[]));
    allocate(&mut script, want()).unwrap();
    uproot(&mut script.store, "a", "10.6.0.10", "x");
    let forget = |store: &mut MemoryStore| {
        let ops = vec![AttachmentOp::Forget("10.6.0.10".parse().unwrap())];
        let change = Change::Attachments { owner: container("x"), version: Version::ANY, ops };
        Store::commit(store, &[change]).unwrap();
    };
    script.aside = Some((script.commits.len(), Box::new(forget)));
    allocate(&mut script, want()).unwrap();
    assert_eq!(book(&script.store), ["a 10.6.0.10 x"]);
    assert_eq!(attached(&script.store), ["x eth0 10.6.0.10"]);
}

/// The address was another pool's before, and an attachment that outlived its record still says so.
#[test]
fn two_nics_never_name_one_address() {
    for mut store in stores() {
        let assignment =
            Assignment { pool: "before".parse().unwrap(), address: "10.6.0.10".parse().unwrap() };
        let left = Attachment { nic: "eth0".parse().unwrap(), assignments: vec![assignment] };
        let ops = vec![AttachmentOp::Set(left)];
        let change = Change::Attachments { owner: container("x"), version: Version::ANY, ops };
        Store::commit(&mut store, &[change]).unwrap();
        let mut script = Script::new(store, &[]);
        allocate(&mut script, request("x").nic(nic("eth1", &["a"], &[]))).unwrap();
        assert_eq!(attached(&script.store), ["x eth1 10.6.0.10"]);
    }
}

#[test]
fn a_store_of_one_change_at_a_time_gets_pools_first() {
    let mut script = Script::new(pools(MemoryStore::one_at_a_time()), &[]);
    allocate(&mut script, request("x").nic(nic("eth0", &["a"], &["six"]))).unwrap();
    let kinds: Vec<&str> = script
        .commits
        .iter()
        .map(|changes| match changes.as_slice() {
            [Change::Pool { pool, .. }] => pool.as_str(),
            [Change::Attachments { .. }] => "attachments",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["a", "six", "attachments"]);
}

#[test]
fn whatever_happens_to_commits_a_request_gets_one_address_for_each_nic() {
    use Fate::{AnswerLost, Conflict, Lost, Pass};
    let fates: [&[Fate]; 9] = [
        &[Lost],
        &[AnswerLost],
        &[Conflict],
        &[Pass, Lost],
        &[Pass, AnswerLost],
        &[Pass, Conflict],
        &[AnswerLost, AnswerLost, AnswerLost],
        &[Lost, AnswerLost, Conflict, Lost, AnswerLost],
        &[Pass, Pass, AnswerLost, Lost],
    ];
    for fates in fates {
        for store in stores() {
            let mut script = Script::new(store, fates);
            script.deaf = 1;
            let wanted = request("x").nic(nic("eth0", &["a"], &["six"])).nic(nic("eth1", &["a"], &[]));
            let attachments = allocate(&mut script, wanted).unwrap();
            assert_eq!(attachments.len(), 2, "{fates:?}");
            assert_eq!(
                book(&script.store),
                ["a 10.6.0.10 x", "a 10.6.0.11 x", "six fd00:6::10 x"],
                "{fates:?}"
            );
            assert_eq!(
                attached(&script.store),
                ["x eth0 10.6.0.10 fd00:6::10", "x eth1 10.6.0.11"],
                "{fates:?}"
            );
        }
    }
}

#[test]
fn what_was_taken_is_given_back_when_the_rest_is_not_to_be_had() {
    // Between the two pools' commits somebody takes the only address of the second.
    for fate in [Fate::Pass, Fate::Lost, Fate::AnswerLost, Fate::Conflict] {
        let mut script =
            Script::new(pools(MemoryStore::one_at_a_time()), &[Fate::Pass, Fate::Pass, fate, fate]);
        script.aside = Some((1, Box::new(|store| plant(store, "b", "10.7.0.10", "thief"))));
        let wanted = request("x").nic(nic("eth0", &["a"], &[])).nic(nic("eth1", &["b"], &[]));
        let refusal = allocate(&mut script, wanted).unwrap_err();
        assert!(refusal.is_exhausted(), "{refusal}");
        assert_eq!(book(&script.store), ["b 10.7.0.10 thief"], "{fate:?}");
        assert_eq!(attached(&script.store), [""; 0], "{fate:?}");
    }
}

#[test]
fn what_other_nics_have_is_not_given_back() {
    let mut script = Script::new(pools(MemoryStore::one_at_a_time()), &[]);
    allocate(&mut script, request("x").nic(nic("eth0", &["a"], &[]))).unwrap();
    script.aside =
        Some((script.commits.len() + 1, Box::new(|store| plant(store, "b", "10.7.0.10", "thief"))));
    allocate(&mut script, request("x").nic(nic("eth1", &["a"], &[])).nic(nic("eth2", &["b"], &[])))
        .unwrap_err();
    assert_eq!(book(&script.store), ["a 10.6.0.10 x", "b 10.7.0.10 thief"]);
    assert_eq!(attached(&script.store), ["x eth0 10.6.0.10"]);
}

#[test]
fn a_refusal_stands_though_nothing_can_be_given_back() {
    let mut script = Script::new(pools(MemoryStore::one_at_a_time()), &[Fate::Pass, Fate::Pass]);
    script.aside = Some((1, Box::new(|store| plant(store, "b", "10.7.0.10", "thief"))));
    script.fates.extend(std::iter::repeat_n(Fate::Lost, 10_000));
    let wanted = request("x").nic(nic("eth0", &["a"], &[])).nic(nic("eth1", &["b"], &[]));
    let mut time = clock();
    let outcome = run(Allocate::new(wanted, false), &mut script, &mut time).unwrap();
    assert!(outcome.is_err());
    assert_eq!(ipam_core::Clock::now(&time), crate::script::DEADLINE);
    // The owner's next try finds it.
    script.fates.clear();
    let attachments = allocate(&mut script, request("x").nic(nic("eth0", &["a"], &[]))).unwrap();
    assert_eq!(attachments.len(), 1);
    assert_eq!(book(&script.store), ["a 10.6.0.10 x", "b 10.7.0.10 thief"]);
}

#[test]
fn a_pool_that_cannot_be_written_is_passed_over() {
    for store in stores() {
        let mut script = Script::new(store, &[]);
        script.unwritable = Some("a".parse().unwrap());
        let attachments = allocate(&mut script, request("x").nic(nic("eth0", &["a", "b"], &[]))).unwrap();
        assert_eq!(attachments[0].assignments[0].pool.as_str(), "b");
        let refusal = allocate(&mut script, request("y").nic(nic("eth0", &["a", "none"], &[]))).unwrap_err();
        assert_eq!(refusal.slots[0].verdicts[0].why, Why::Unwritable);
        // With no other reason beside it, the store's own error says more.
        let atomic = script.is_atomic();
        let wanted = Allocate::new(request("z").nic(nic("eth0", &["a"], &[])), atomic);
        let error = run(wanted, &mut script, &mut clock()).unwrap_err();
        assert!(matches!(error, DriveError::Store(_)), "{error:?}");
        assert_eq!(book(&script.store), ["b 10.7.0.10 x"]);
    }
}

#[test]
fn an_address_in_a_pool_that_cannot_be_written_is_not_tried_for_ever() {
    for store in stores() {
        let stamp = |boot: &str| Some(Stamp { boot: boot.to_owned(), at: START });
        let wanted =
            |boot| AllocationRequest { stamp: stamp(boot), ..request("x").nic(nic("eth0", &["a"], &[])) };
        let mut script = Script::new(store, &[]);
        allocate(&mut script, wanted("boot-1")).unwrap();
        script.unwritable = Some("a".parse().unwrap());
        let atomic = script.is_atomic();
        // The record is to be confirmed…
        let error = run(Allocate::new(wanted("boot-2"), atomic), &mut script, &mut clock()).unwrap_err();
        assert!(matches!(error, DriveError::Store(_)), "{error:?}");
        // … or taken again.
        uproot(&mut script.store, "a", "10.6.0.10", "x");
        let error = run(Allocate::new(wanted("boot-1"), atomic), &mut script, &mut clock()).unwrap_err();
        assert!(matches!(error, DriveError::Store(_)), "{error:?}");
    }
}

#[test]
fn what_cannot_be_attached_is_given_back_or_kept_as_the_request_says() {
    for (keeps, left) in [(false, Vec::new()), (true, vec!["a 10.6.0.10 x".to_owned()])] {
        let mut script =
            Script::new(pools(MemoryStore::one_at_a_time()), &[Fate::Pass, Fate::Rejected, Fate::Pass]);
        let wanted = || {
            let wanted = request("x").nic(nic("eth0", &["a"], &[]));
            AllocationRequest { keeps_unattached: keeps, ..wanted }
        };
        let error = run(Allocate::new(wanted(), false), &mut script, &mut clock()).unwrap_err();
        assert!(matches!(error, DriveError::Store(_)), "{error:?}");
        assert_eq!(book(&script.store), left);
        // The next request has the address, kept or anew, and a release frees it.
        let allocation = allocate(&mut script, wanted()).unwrap();
        assert_eq!(allocation[0].assignments[0].address.to_string(), "10.6.0.10");
        assert_eq!(book(&script.store), ["a 10.6.0.10 x"]);
    }
}

#[test]
fn conflicts_end_at_the_deadline() {
    for class in [Fate::Conflict, Fate::Lost] {
        let mut script = Script::new(pools(MemoryStore::atomic()), &[]);
        script.fates.extend(std::iter::repeat_n(class, 10_000));
        let mut time = clock();
        let wanted = request("x").nic(nic("eth0", &["a"], &[]));
        let error = run(Allocate::new(wanted, true), &mut script, &mut time).unwrap_err();
        let DriveError::Deadline { last: Some(_) } = error else { panic!("{error:?}") };
        assert_eq!(ipam_core::Clock::now(&time), crate::script::DEADLINE);
        // A minute of growing pauses is some eighty tries, not thousands.
        assert!((20..200).contains(&script.commits.len()), "{} tries", script.commits.len());
    }
}

#[test]
fn a_read_without_answer_is_repeated_after_a_pause() {
    let mut machine = Allocate::new(request("x").nic(nic("eth0", &["a"], &[])), true);
    assert!(matches!(machine.step(START, Input::Go), Step::Read(_)));
    let Step::WaitUntil(until) = machine.step(START, Input::Read(Err(Class::Unavailable))) else {
        panic!("a pause")
    };
    assert!(until > START);
    assert!(matches!(machine.step(until, Input::Go), Step::Read(Query::Holdings { .. })));
    let step = machine.step(until, Input::Read(Err(Class::Rejected)));
    assert_eq!(step, Step::GiveUp(GiveUp::Store));
    let mut machine = Allocate::new(request("x"), true);
    assert!(matches!(machine.step(START, Input::Go), Step::Read(_)));
    let late = START + Duration::from_secs(3_600);
    assert_eq!(machine.step(late, Input::Read(Err(Class::Unavailable))), Step::GiveUp(GiveUp::Deadline));
}

#[test]
fn answers_of_another_kind_break_the_contract() {
    let wrong = [
        Input::Go,
        Input::Committed(Ok(Vec::new())),
        Input::Read(Ok(View::Page(PageView::default()))),
        Input::Read(Ok(View::Pick(PickView {
            version: Version::ANY,
            spec: None,
            outcome: Err(Obstacle::NoPool),
        }))),
    ];
    for input in wrong {
        let mut machine = Allocate::new(request("x").nic(nic("eth0", &["a"], &[])), true);
        assert!(matches!(machine.step(START, Input::Go), Step::Read(_)));
        assert_eq!(machine.step(START, input.clone()), Step::GiveUp(GiveUp::Contract), "{input:?}");
    }
    let mut machine = Allocate::new(request("x"), true);
    let step = machine.step(START, Input::Read(Ok(View::Holdings(Holdings::default()))));
    assert_eq!(step, Step::GiveUp(GiveUp::Contract), "an answer before the first question");
}

#[test]
fn an_address_is_not_given_to_two_nics_that_ask_for_it() {
    for store in stores() {
        let mut script = Script::new(store, &[]);
        let asking = |name: &str| {
            let mut nic = nic(name, &["a"], &[]);
            nic.asks.push("10.6.0.11".parse().unwrap());
            nic
        };
        let refusal =
            allocate(&mut script, request("x").nic(asking("eth0")).nic(asking("eth1"))).unwrap_err();
        assert_eq!(refusal.slots.len(), 1);
        assert_eq!(refusal.slots[0].verdicts[0].why, Why::AskedTwice);
        assert_eq!(
            refusal.to_string(),
            "cannot give 10.6.0.11 to NIC eth1: another NIC of the request asks for it too, for container x on network net"
        );
        assert_eq!(book(&script.store), [""; 0]);
    }
}

#[test]
fn a_stale_attachment_does_not_share_its_address() {
    // The release of eth1 was cut short between the pool and the attachments; then eth0 gets the address.
    let mut script = Script::new(pools(MemoryStore::one_at_a_time()), &[]);
    allocate(&mut script, request("x").nic(nic("eth1", &["a"], &["six"]))).unwrap();
    uproot(&mut script.store, "a", "10.6.0.10", "x");
    allocate(&mut script, request("x").nic(nic("eth0", &["a"], &[]))).unwrap();
    assert_eq!(book(&script.store), ["a 10.6.0.10 x", "six fd00:6::10 x"]);
    assert_eq!(attached(&script.store), ["x eth1 fd00:6::10", "x eth0 10.6.0.10"]);
}

#[test]
fn a_replaced_address_is_not_lost_with_an_answer() {
    // The attachment's address is somebody else's by now; another one was taken, and only the answer was lost.
    let mut script = Script::new(pools(MemoryStore::one_at_a_time()), &[]);
    allocate(&mut script, request("x").nic(nic("eth0", &["a"], &[]))).unwrap();
    uproot(&mut script.store, "a", "10.6.0.10", "x");
    plant(&mut script.store, "a", "10.6.0.10", "y");
    script.fates.push_back(Fate::AnswerLost);
    allocate(&mut script, request("x").nic(nic("eth0", &["b", "a"], &[]))).unwrap();
    assert_eq!(book(&script.store), ["a 10.6.0.10 y", "b 10.7.0.10 x"]);
    assert_eq!(attached(&script.store), ["x eth0 10.7.0.10"]);
}

#[test]
fn a_follower_that_is_cut_short_is_mended_by_its_next_try() {
    let pod = |uid: &str| Owner::pod("shop", "db-0", uid).unwrap();
    let wanted = |uid: &str| AllocationRequest {
        follow: Follow::Always,
        ..AllocationRequest::new(pod(uid), Time::from_millis(61_000)).nic(nic("eth0", &["a"], &["six"]))
    };
    for cut in 1..3 {
        let mut script = Script::new(pools(MemoryStore::one_at_a_time()), &[]);
        allocate(&mut script, wanted("uid-1")).unwrap();
        script.fates.extend(std::iter::repeat_n(Fate::Pass, cut));
        script.fates.extend(std::iter::repeat_n(Fate::Lost, 1_000));
        run(Allocate::new(wanted("uid-2"), false), &mut script, &mut clock()).unwrap_err();
        script.fates.clear();
        let attachments = allocate(&mut script, wanted("uid-2")).unwrap();
        assert_eq!(attachments[0].assignments.len(), 2);
        assert!(
            script.store.records().iter().all(|(_, record)| record.owner == pod("uid-2")),
            "cut after {cut}"
        );
        assert_eq!(script.store.attachments()[0].0, pod("uid-2"));
    }
}

/// A store that need not look for attachments before it writes finds them when it does: the address that was taken meanwhile goes back.
#[test]
fn what_was_taken_before_the_attachments_came_to_light_is_given_back() {
    let mut store = pools(MemoryStore::one_at_a_time());
    let mut script = Script::new(store.clone(), &[]);
    let has = allocate(&mut script, request("x").nic(nic("eth0", &["b"], &[]))).unwrap();
    // Asked for by another pool, and told that the owner has nothing.
    let mut machine = Allocate::new(request("x").nic(nic("eth0", &["a"], &[])), false);
    let mut input = Input::Go;
    let mut is_blind = true;
    let outcome = loop {
        input = match machine.step(START, input) {
            Step::Read(Query::Holdings { .. }) if std::mem::take(&mut is_blind) => {
                Input::Read(Ok(View::Holdings(Holdings {
                    version: Version::new("0"),
                    ..Holdings::default()
                })))
            }
            Step::Read(query) => Input::Read(Ok(Store::read(&mut store, &query).unwrap())),
            Step::Commit(changes) => Input::Committed(
                Store::commit(&mut store, &changes).map_err(|error| ipam_core::StoreError::class(&error)),
            ),
            Step::WaitUntil(_) => Input::Go,
            Step::Done(outcome) => break outcome.unwrap(),
            Step::GiveUp(why) => panic!("{why:?}"),
        };
    };
    assert!(!is_blind && outcome.attachments == has, "{outcome:?}");
    assert_eq!(book(&store), ["b 10.7.0.10 x"]);
}
