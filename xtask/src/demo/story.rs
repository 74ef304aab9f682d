//! What the demo shows, step by step, and checks as it goes: a step that did not do what its sentence says is an error.

use std::process::ExitCode;

use super::cni::{Refusal, accepted, address_of};
use super::stage::{CONFIG, NIC, POOL, Stage, inside, make_container};
use super::steps::Steps;
use anyhow::{Context, Result, bail};

/// The containers that get addresses.
const PAIR: [&str; 2] = ["blue", "green"];

/// The one that asks for what another holds.
const LATECOMER: &str = "red";

/// Tells the whole story.
pub(super) fn tell(stage: &Stage) -> Result<ExitCode> {
    let mut steps = Steps::default();
    println!(
        "\nA container needs an address of its own on the network. Something must hand these out, never give one"
    );
    println!("address to two, and take each back when its container is gone. That is what Spiderpool does.");

    let [first, second] = furnish(stage, &mut steps)?;
    meet(&mut steps, &second)?;
    ask(stage, &mut steps, &first)?;
    refuse(stage, &mut steps, &first)?;
    give_back(stage, &mut steps)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes both containers and gives each an address.
fn furnish(stage: &Stage, steps: &mut Steps) -> Result<[String; 2]> {
    steps.next(&format!(
        "Two containers, \"{}\" and \"{}\". Here they are bare network namespaces: what a container\n   \
         is to the network, without a program in it. They live in a private network that ends with this demo.",
        PAIR[0], PAIR[1]
    ));
    for container in PAIR {
        make_container(container)?;
    }
    inside(PAIR[0], &["ip", "-brief", "link"])?;

    steps.next(
        "The network, as an operator writes it for a container runtime (Podman, containerd, Kubernetes). Two plugins\n   \
         share the work: \"bridge\" makes the network card, \"spiderpool\" picks the address from the pool.",
    );
    for line in CONFIG.lines() {
        println!("   {line}");
    }

    let mut addresses = Vec::new();
    for container in PAIR {
        steps.next(&format!(
            "The runtime attaches \"{container}\": it calls the plugin with the command ADD."
        ));
        let result = accepted(stage.cni("ADD", container, None)?, "ADD")?;
        let address = address_of(&result)?;
        println!("   spiderpool gave it {address}. The kernel of \"{container}\" agrees:");
        inside(container, &["ip", "-brief", "-4", "address", "show", NIC])?;
        addresses.push(address);
    }
    let pair: [String; 2] = addresses.try_into().ok().context("two containers, two addresses")?;
    if pair[0] == pair[1] {
        bail!("both containers got {}", pair[0]);
    }
    Ok(pair)
}

/// Lets one reach the other.
fn meet(steps: &mut Steps, second: &str) -> Result<()> {
    steps.next(&format!("\"{}\" reaches \"{}\" at its new address.", PAIR[0], PAIR[1]));
    inside(PAIR[0], &["ping", "-c", "2", "-i", "0.2", "-W", "2", second])
}

/// Looks into the store from outside.
fn ask(stage: &Stage, steps: &mut Steps, first: &str) -> Result<()> {
    steps.next("The pool, as the operator's tool draws it: two addresses are taken, the others are free.");
    stage.ctl(&["pool", "show", POOL])?;
    steps.next(&format!("Who holds {first}?"));
    stage.ctl(&["ip", "who", first])
}

/// Asks for an address that is taken.
fn refuse(stage: &Stage, steps: &mut Steps, first: &str) -> Result<()> {
    steps.next(&format!(
        "A third container, \"{LATECOMER}\", asks for {first}, which \"{}\" holds. It is refused, and told why:",
        PAIR[0]
    ));
    make_container(LATECOMER)?;
    match stage.cni("ADD", LATECOMER, Some(first))? {
        Ok(result) => bail!("{LATECOMER} was given {result} although {first} is taken"),
        Err(Refusal { code, message }) => println!("   error {code}: {message}"),
    }
    // What a runtime does after a failed ADD.
    accepted(stage.cni("DEL", LATECOMER, None)?, "DEL")?;
    Ok(())
}

/// Releases all, and proves it.
fn give_back(stage: &Stage, steps: &mut Steps) -> Result<()> {
    steps.next("The containers end. The runtime calls the plugin with DEL for each, and the addresses are free again:");
    for container in PAIR {
        accepted(stage.cni("DEL", container, None)?, "DEL")?;
    }
    stage.ctl(&["ip", "list"])?;
    let left = stage.ctl_json(&["ip", "list"])?;
    match left.as_array() {
        Some(list) if list.is_empty() => println!("   The store holds no address any more."),
        Some(list) => bail!("{} addresses are still held: {left}", list.len()),
        None => bail!("spiderpoolctl ip list -o json: not a list: {left}"),
    }
    Ok(())
}
