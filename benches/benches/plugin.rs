//! The plugin as a whole process, durable, against Debian's `host-local` in the same run.
//!
//! Not a criterion bench: a sample is a process with its own state before and after, and the two sides must alternate so that both
//! meet the same weather. `SPIDERPOOL_PLUGIN_DIR` names the folder of our static plugin, `HOST_LOCAL` the baseline;
//! `cargo xtask bench` sets both.
#![allow(missing_docs, reason = "a program, not a library")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench that meets something unexpected should stop, and reports on stdout; xtask collects its lines"
)]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ipam_core::{Change, Owner, PoolFields, PoolOp, Record, Store as _, Time, Version};
use ipam_local::{LocalStore, Metadata, OpenMode, Source};

/// Pairs of ADD and DEL of each side.
const SAMPLES: usize = 200;
/// Pairs against a full folder of host-local, each of which takes half a second.
const SAMPLES_FULL: usize = 15;
/// Records of the large range.
const RECORDS: u32 = 60_000;
/// Processes at once.
const AT_ONCE: usize = 8;
/// Argument that makes this program the probe of [`resident_peak_bytes`].
const RESIDENT: &str = "--resident";
const DEADLINE: Duration = Duration::from_secs(60);

/// A plugin with its configuration.
struct Side {
    binary: PathBuf,
    config: String,
}

impl Side {
    fn run(&self, command: &str, id: &str) -> Duration {
        let start = Instant::now();
        let mut child = Command::new(&self.binary)
            .env_clear()
            .envs([("CNI_COMMAND", command), ("CNI_CONTAINERID", id), ("CNI_IFNAME", "eth0")])
            // With an agent it must be there; with a store it is not looked at.
            .envs([
                ("CNI_NETNS", "/proc/self/ns/net"),
                ("CNI_NETNS_OVERRIDE", "1"),
                ("CNI_PATH", "/usr/lib/cni"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        // A program that does nothing may have ended by now.
        let _ = child.stdin.take().expect("piped").write_all(self.config.as_bytes());
        let output = child.wait_with_output().expect("the plugin ends");
        let took = start.elapsed();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{} {command}: {said}", self.binary.display());
        took
    }
}

fn ours(binary: &Path, folder: &Path) -> Side {
    let (store, log) = (folder.join("ipam.db"), folder.join("log"));
    let ipam = format!(
        r#"{{"type":"spiderpool","log_file_path":{log:?},"log_level":"info","store":{{"path":{store:?}}},"default_ipv4_ippool":["v4"],
            "pools":[{{"name":"v4","subnet":"10.6.0.0/16","ips":["10.6.0.10-10.6.255.250"],"gateway":"10.6.0.1"}}]}}"#
    );
    Side {
        binary: binary.to_owned(),
        config: format!(r#"{{"cniVersion":"1.0.0","name":"net","type":"bridge","ipam":{ipam}}}"#),
    }
}

fn host_local(binary: &Path, folder: &Path) -> Side {
    let data = folder.join("host-local");
    let ipam = format!(
        r#"{{"type":"host-local","dataDir":{data:?},"ranges":[[{{"subnet":"10.6.0.0/16","rangeStart":"10.6.0.10","rangeEnd":"10.6.255.250","gateway":"10.6.0.1"}}]]}}"#
    );
    Side {
        binary: binary.to_owned(),
        config: format!(r#"{{"cniVersion":"1.0.0","name":"net","type":"bridge","ipam":{ipam}}}"#),
    }
}

/// Our plugin before an agent that answers at once. Its thread ends with this program.
fn through_agent(binary: &Path, folder: &Path) -> Side {
    let (socket, log) = (folder.join("agent.sock"), folder.join("log"));
    let listener = UnixListener::bind(&socket).expect("a temporary folder");
    std::thread::spawn(move || {
        let given = r#"{"ips":[{"address":"10.6.168.71/16","gateway":"10.6.0.1","ipPool":"p4","nic":"eth0","version":4}],"routes":[{"ifName":"eth0","dst":"0.0.0.0/0","gw":"10.6.0.1"}]}"#;
        for mut stream in listener.incoming().map_while(Result::ok) {
            // The plugin writes head and body at once, and both are short.
            let mut request = [0; 4096];
            let length = stream.read(&mut request).expect("a request");
            let is_add = request.get(..length).is_some_and(|request| request.starts_with(b"POST"));
            let body = if is_add { given } else { "" };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).expect("the plugin listens");
        }
    });
    let ipam = format!(
        r#"{{"type":"spiderpool","log_file_path":{log:?},"log_level":"info","ipam_unix_socket_path":{socket:?},"default_ipv4_ippool":["p4"]}}"#
    );
    Side {
        binary: binary.to_owned(),
        config: format!(r#"{{"cniVersion":"1.0.0","name":"net","type":"macvlan","ipam":{ipam}}}"#),
    }
}

/// A program that does nothing: what starting one costs.
fn nothing() -> Side {
    Side { binary: "/bin/true".into(), config: String::new() }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The median time of an ADD, of each side in turn; each address is given back at once.
fn adds(sides: &[&Side], samples: usize) -> Vec<Duration> {
    let mut times = vec![Vec::new(); sides.len()];
    for sample in 0..samples {
        for (side, times) in sides.iter().zip(&mut times) {
            let id = format!("sample{sample}");
            times.push(side.run("ADD", &id));
            side.run("DEL", &id);
        }
    }
    times.into_iter().map(median).collect()
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn ratio(text: &str, of: Duration, to: Duration, goal: &str) {
    println!(
        "ratio: plugin: {text}: {} against {}: {:.2}; goal: {goal}",
        ms(of),
        ms(to),
        of.as_secs_f64() / to.as_secs_f64()
    );
}

/// Fills our store through the library, as an import does.
fn fill_ours(folder: &Path) {
    let fields = PoolFields {
        subnet: "10.6.0.0/16".into(),
        ips: vec!["10.6.0.10-10.6.255.250".into()],
        gateway: Some("10.6.0.1".into()),
        ..PoolFields::default()
    };
    let mut store =
        LocalStore::open(folder.join("ipam.db"), OpenMode::CreateIfMissing, DEADLINE).expect("a new store");
    let mut session = store.session(DEADLINE).expect("nobody else is here");
    let name = "v4".parse().expect("a name");
    session
        .apply_pool(&name, &fields, &Metadata::default(), &Source::Network("net".into()))
        .expect("a valid pool");
    let first = u32::from(Ipv4Addr::new(10, 6, 0, 10));
    let take = |index: u32| {
        PoolOp::Take(Record {
            address: std::net::IpAddr::V4(Ipv4Addr::from(first + index)).into(),
            owner: Owner::container("net", &format!("old{index}")).expect("a name"),
            stamp: Some(ipam_core::Stamp { boot: "bench".into(), at: Time::default() }),
        })
    };
    let ops = (0..RECORDS).map(take).collect();
    let change = Change::Pool {
        pool: name,
        version: Version::ANY,
        ops,
        now: Time::default(),
        cooldown: Duration::ZERO,
    };
    session.commit(&[change]).expect("the addresses are free");
}

/// host-local keeps a file for each address.
fn fill_host_local(folder: &Path) {
    let data = folder.join("host-local/net");
    fs::create_dir_all(&data).expect("a temporary folder");
    let first = u32::from(Ipv4Addr::new(10, 6, 0, 10));
    for index in 0..RECORDS {
        let address = Ipv4Addr::from(first + index);
        fs::write(data.join(address.to_string()), format!("old{index}\r\neth0")).expect("a small file");
    }
    fs::write(data.join("last_reserved_ip.0"), Ipv4Addr::from(first + RECORDS - 1).to_string())
        .expect("a small file");
}

/// The slowest of several that start together.
fn slowest_at_once(side: &Side, round: usize) -> Duration {
    let times: Vec<Duration> = std::thread::scope(|scope| {
        let run = |worker| scope.spawn(move || side.run("ADD", &format!("round{round}-{worker}")));
        let workers: Vec<_> = (0..AT_ONCE).map(run).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).collect()
    });
    for worker in 0..AT_ONCE {
        side.run("DEL", &format!("round{round}-{worker}"));
    }
    times.into_iter().max().unwrap_or_default()
}

/// What a durable write costs here by itself.
fn fsync(folder: &Path) -> Duration {
    let mut file = File::create(folder.join("fsync")).expect("a temporary folder");
    let sync = |_| {
        let start = Instant::now();
        file.write_all(&[0; 4096]).and_then(|()| file.sync_all()).expect("a small file");
        start.elapsed()
    };
    median((0..SAMPLES).map(sync).collect())
}

/// The most memory that an ADD or DEL takes, as the kernel counts it. A child counts its parent's memory from before it became
/// another program, so a small process of its own looks at it: this program, started anew.
fn resident_peak_bytes(side: &Side) -> u64 {
    let probe = Command::new(std::env::current_exe().expect("this program"))
        .args([RESIDENT.as_ref(), side.binary.as_os_str()])
        .arg(&side.config)
        .output()
        .expect("this program starts");
    String::from_utf8_lossy(&probe.stdout).trim().parse().expect("a number")
}

/// What the probe does: one ADD, one DEL, and the peak over both.
fn probe(binary: &str, config: &str) {
    let side = Side { binary: binary.into(), config: config.to_owned() };
    side.run("ADD", "resident");
    side.run("DEL", "resident");
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN);
    println!("{}", usage.expect("the kernel counts").max_rss() * 1024);
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, flag, binary, config] = args.as_slice()
        && flag == RESIDENT
    {
        return probe(binary, config);
    }
    let name = "bench plugin";
    let Some(plugins) = std::env::var_os("SPIDERPOOL_PLUGIN_DIR").map(PathBuf::from) else {
        println!("skipped: {name}: SPIDERPOOL_PLUGIN_DIR is not set (cargo xtask bench sets it)");
        return;
    };
    let baseline = std::env::var_os("HOST_LOCAL")
        .map_or_else(|| PathBuf::from("/usr/lib/cni/host-local"), PathBuf::from);
    if !baseline.exists() {
        println!("skipped: {name}: {} is missing (package containernetworking-plugins)", baseline.display());
        return;
    }
    let smoke = std::env::args().any(|arg| arg == "--test");
    let (samples, samples_full) = if smoke { (2, 1) } else { (SAMPLES, SAMPLES_FULL) };
    let binary = plugins.join("spiderpool");
    let folder = tempfile::tempdir().expect("a temporary folder");

    let (near, far) = (folder.path().join("near"), folder.path().join("far"));
    fs::create_dir_all(&near).and_then(|()| fs::create_dir_all(&far)).expect("a temporary folder");
    let ours_near = ours(&binary, &near);
    adds(&[&ours_near], samples.min(20));
    fill_ours(&far);
    let ours_far = ours(&binary, &far);
    adds(&[&ours_far], samples.min(20));
    let resident = resident_peak_bytes(&ours_near).max(resident_peak_bytes(&ours_far));
    let size = fs::metadata(&binary).map_or(0, |meta| meta.len());

    let theirs_near = host_local(&baseline, &near);
    let near_times = adds(&[&ours_near, &theirs_near], samples);
    fill_host_local(&far);
    let theirs_far = host_local(&baseline, &far);
    let far_times = adds(&[&ours_far, &theirs_far], samples_full);
    let flat = adds(&[&ours_near, &ours_far], samples);
    let lone = adds(&[&ours_near], samples).first().copied().unwrap_or_default();
    let agent = through_agent(&binary, folder.path());
    let agent_times = adds(&[&agent, &ours_near, &nothing()], samples);
    let agent_resident = resident_peak_bytes(&agent);
    let together =
        median((0..samples.div_ceil(10)).map(|round| slowest_at_once(&ours_near, round)).collect());
    if smoke {
        println!("{name}: ran once");
        return;
    }
    if let ([a, b], [c, d], [e, f]) = (near_times.as_slice(), far_times.as_slice(), flat.as_slice()) {
        ratio("ADD in an empty range, ours against host-local", *a, *b, "at most 1");
        ratio("ADD at 60,000 records, host-local against ours", *d, *c, "at least 50");
        ratio("ADD of ours at 60,000 records against empty", *f, *e, "at most 1.5");
    }
    if let [a, b, c] = agent_times.as_slice() {
        ratio("ADD through an agent that answers at once, against one on a local store", *a, *b, "at most 1");
        ratio(
            "ADD through an agent that answers at once, against a program that does nothing",
            *a,
            *c,
            "at most 3",
        );
    }
    ratio("slowest of 8 at once against a lone one, ours", together, lone, "at most 12");
    println!(
        "ratio: plugin: a 4 KiB write with fsync takes {} here; an ADD makes several",
        ms(fsync(folder.path()))
    );
    println!("ratio: plugin: static binary {:.2} MB; goal: at most 4", size as f64 / 1e6);
    let (local, agent) = (resident as f64 / 1e6, agent_resident as f64 / 1e6);
    println!(
        "ratio: plugin: resident at most {local:.2} MB, through an agent {agent:.2} MB; goal: at most 8"
    );
}
