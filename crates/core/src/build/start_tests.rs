use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use llmisvc_api::v1alpha2::Parallelism;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn plain() -> Flags<'static> {
    Flags {
        added: &[],
        model: "m",
        namespace: "ns",
        port: 8000,
        version: Version(0, 23),
        grace: 60,
        tls: false,
        parallelism: Parallelism::default(),
        kv_transfer: None,
        api_servers: "8",
        features: &[],
        worker: false,
        spread: None,
    }
}

/// 16 ranks over two pods.
fn data() -> Flags<'static> {
    let parallelism = Parallelism {
        data: Some(16),
        data_local: Some(8),
        tensor: Some(1),
        expert: Some(true),
        ..Parallelism::default()
    };
    Flags { parallelism, spread: Some(Spread::Data { size: 16, local: 8, port: 5555 }), ..plain() }
}

/// Four stages of eight ranks, one stage in each pod.
fn world() -> Flags<'static> {
    let parallelism = Parallelism { tensor: Some(8), pipeline: Some(4), ..Parallelism::default() };
    Flags { parallelism, spread: Some(Spread::World { nodes: 4 }), ..plain() }
}

/// A container as `compose` leaves it.
fn composed(flags: &Flags<'_>, extra: &ExtraArgs, given: Value) -> Value {
    let mut main = given;
    compose(&mut main, flags, extra);
    main
}

fn no_extra() -> ExtraArgs {
    ExtraArgs::Words(Vec::new())
}

/// Runs what a container runs, up to the `exec`: what would be executed, and the environment. None without python3,
/// which every vLLM image has.
fn run(
    main: &Value,
    env: &[(&str, &str)],
    root: Option<&Path>,
) -> Option<(Vec<String>, BTreeMap<String, String>)> {
    let exec = "os.execvp(words[0], words)";
    let shown = "print('\\0'.join(words), end='\\1'); print('\\0'.join(k + '=' + v for k, v in os.environ.items()), end='')";
    let [python, option, script] = words(main, "command").try_into().unwrap();
    assert!(script.ends_with(&format!("{exec}\n")));
    let script = script.replace(exec, shown);
    let root = root.map(|root| root.display().to_string()).unwrap_or_default();
    let script =
        script.replace("'/sys/", &format!("'{root}/sys/")).replace("'/proc/", &format!("'{root}/proc/"));
    let mut command = Command::new(python);
    command.args([option, script]).args(words(main, "args")).envs(env.iter().copied());
    let output = match command.output() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return None,
        output => output.unwrap(),
    };
    Some(read(&output))
}

fn read(output: &Output) -> (Vec<String>, BTreeMap<String, String>) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let (words, env) = stdout.split_once('\u{1}').unwrap();
    let env = env.split('\0').filter_map(|pair| pair.split_once('='));
    (
        words.split('\0').map(str::to_owned).collect(),
        env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    )
}

const COMMON: &str = "--served-model-name m publishers/ns/models/m --port 8000 \
    --disable-access-log-for-endpoints /health,/metrics,/ping --shutdown-timeout 40";
const HEADLESS: &str = "--served-model-name m publishers/ns/models/m \
    --disable-access-log-for-endpoints /health,/metrics,/ping --shutdown-timeout 40";

/// The line that a pod of this index runs.
fn line(flags: &Flags<'_>, index: &str) -> Option<String> {
    let main = composed(flags, &no_extra(), json!({"name": "main"}));
    let env = [("LWS_WORKER_INDEX", index), ("LWS_LEADER_ADDRESS", "127.0.0.1")];
    run(&main, &env, None).map(|(words, _)| words.join(" "))
}

#[rstest]
#[case::leader(data(), "0", &format!(
    "vllm serve /mnt/models {COMMON} --tensor-parallel-size 1 --enable-expert-parallel --data-parallel-size 16 \
     --data-parallel-size-local 8 --data-parallel-address 127.0.0.1 --data-parallel-rpc-port 5555 \
     --api-server-count 8"
))]
#[case::worker(Flags { worker: true, ..data() }, "1", &format!(
    "vllm serve /mnt/models {HEADLESS} --tensor-parallel-size 1 --enable-expert-parallel --data-parallel-size 16 \
     --data-parallel-size-local 8 --data-parallel-address 127.0.0.1 --data-parallel-rpc-port 5555 \
     --data-parallel-start-rank 8 --headless"
))]
// W-13: the last pod runs the ranks that are left
#[case::last_worker(
    Flags { worker: true, spread: Some(Spread::Data { size: 10, local: 4, port: 6000 }), ..plain() }, "2",
    &format!(
        "vllm serve /mnt/models {HEADLESS} --data-parallel-size 10 --data-parallel-size-local 2 \
         --data-parallel-address 127.0.0.1 --data-parallel-rpc-port 6000 --data-parallel-start-rank 8 --headless"
    )
)]
#[case::first_stage(world(), "0", &format!(
    "vllm serve /mnt/models {COMMON} --tensor-parallel-size 8 --pipeline-parallel-size 4 \
     --distributed-executor-backend mp --nnodes 4 --node-rank 0 --master-addr 127.0.0.1"
))]
#[case::third_stage(Flags { worker: true, ..world() }, "2", &format!(
    "vllm serve /mnt/models {HEADLESS} --tensor-parallel-size 8 --pipeline-parallel-size 4 \
     --distributed-executor-backend mp --nnodes 4 --node-rank 2 --master-addr 127.0.0.1 --headless"
))]
#[case::alone(Flags { spread: Some(Spread::World { nodes: 1 }), ..plain() }, "0", &format!(
    "vllm serve /mnt/models {COMMON}"
))]
fn each_pod_of_a_group_runs_its_own_line(
    #[case] flags: Flags<'_>,
    #[case] index: &str,
    #[case] expected: &str,
) {
    let Some(line) = line(&flags, index) else { return };
    assert_eq!(line, expected);
}

#[test]
fn a_leader_of_an_old_version_has_one_api_server() {
    let old = generated(&Flags { version: Version(0, 9), ..data() }).concat();
    assert!(!old.contains(&"--api-server-count".to_owned()));
    assert!(generated(&data()).concat().contains(&"--api-server-count".to_owned()));
}

#[rstest]
#[case(Spread::Data { size: 2, local: 1, port: 1 }, Version(0, 9))]
#[case(Spread::World { nodes: 2 }, Version(0, 12))]
#[case(Spread::World { nodes: 1 }, Version(0, 0))]
fn spanning_nodes_needs_a_version(#[case] spread: Spread, #[case] version: Version) {
    assert_eq!(needed(spread), version);
}

#[test]
fn a_flag_of_the_users_takes_the_place_of_one_that_the_pod_fills_in() {
    let given = json!({"args": ["--data-parallel-rpc-port=7000", "--data_parallel_address", "10.0.0.1"]});
    let main = composed(&data(), &no_extra(), given);
    let env = [("LWS_WORKER_INDEX", "0"), ("LWS_LEADER_ADDRESS", "127.0.0.1")];
    let Some((words, _)) = run(&main, &env, None) else { return };
    assert!(words.join(" ").ends_with(
        "--data-parallel-size 16 --data-parallel-size-local 8 --api-server-count 8 \
         --data-parallel-rpc-port=7000 --data_parallel_address 10.0.0.1"
    ));
}

const ODD: &str = r#"{"a": "it's $5 \"and\" $(date); `x` \\"}"#;

#[test]
// W-22
fn odd_words_arrive_byte_exact_in_a_group() {
    let extra = ExtraArgs::Words(vec!["--a".to_owned(), ODD.to_owned()]);
    let main = composed(&world(), &extra, json!({"args": ["--b", ODD, "", "a b", "0=leader"]}));
    let env = [("LWS_WORKER_INDEX", "0"), ("LWS_LEADER_ADDRESS", "127.0.0.1")];
    let Some((words, _)) = run(&main, &env, None) else { return };
    assert_eq!(words[words.len() - 7..], ["--a", ODD, "--b", ODD, "", "a b", "0=leader"]);
}

#[test]
// W-22
fn words_that_come_from_a_reference_are_split_in_the_pod_before_the_users() {
    let main = composed(&world(), &ExtraArgs::FromReference, json!({"args": ["--b", ODD]}));
    let value = format!("--a {} --c", shlex::try_quote(ODD).unwrap());
    let env = [
        ("LWS_WORKER_INDEX", "0"),
        ("LWS_LEADER_ADDRESS", "127.0.0.1"),
        ("VLLM_ADDITIONAL_ARGS", value.as_str()),
    ];
    let Some((words, _)) = run(&main, &env, None) else { return };
    let end = ["--master-addr", "127.0.0.1", "--a", ODD, "--c", "--b", ODD];
    assert_eq!(words[words.len() - end.len()..], end);
}

#[test]
fn a_leader_whose_name_is_not_published_is_handed_on_by_name() {
    let main = composed(&world(), &no_extra(), json!({}));
    let env = [
        ("LWS_WORKER_INDEX", "0"),
        ("LWS_LEADER_ADDRESS", "no-such-host.invalid"),
        ("DP_ADDRESS_RESOLVE_ATTEMPTS", "1"),
    ];
    let Some((words, _)) = run(&main, &env, None) else { return };
    assert_eq!(words.last().map(String::as_str), Some("no-such-host.invalid"));
}

#[test]
fn the_script_for_adapters_comes_only_where_it_is_asked_for() {
    let script =
        |env: Value| words(&composed(&plain(), &no_extra(), json!({"env": env})), "command")[2].clone();
    let reference = json!({"configMapKeyRef": {"name": "c", "key": "k"}});
    assert_eq!(script(json!([])), START);
    assert_eq!(script(json!([{"name": INFER_ROCE, "value": "false"}])), START);
    let both = [ROCE, START].concat();
    assert_eq!(script(json!([{"name": INFER_ROCE, "value": "true"}])), both);
    assert_eq!(script(json!([{"name": INFER_ROCE, "valueFrom": reference}])), both);
}

/// A tree like the kernel's, removed at the end.
struct Sysfs(PathBuf);

impl Sysfs {
    fn new(test: &str) -> Self {
        let root = std::env::temp_dir().join(format!("llmisvc-{test}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }

    /// An adapter with the GIDs of its first port: index, type, GID.
    fn adapter(&self, name: &str, state: &str, gids: &[(u8, &str, &str)]) {
        let port = format!("sys/class/infiniband/{name}/ports/1");
        self.write(&format!("{port}/state"), state);
        for (index, kind, gid) in gids {
            self.write(&format!("{port}/gid_attrs/types/{index}"), kind);
            self.write(&format!("{port}/gids/{index}"), gid);
        }
    }

    /// The variables that vLLM sees, of those that matter.
    fn run(&self, env: &[(&str, &str)]) -> Option<Vec<String>> {
        let main = composed(&plain(), &no_extra(), json!({"env": [{"name": INFER_ROCE, "value": "true"}]}));
        let (words, seen) = run(&main, &[&[(INFER_ROCE, "true")], env].concat(), Some(&self.0))?;
        assert_eq!(words.join(" "), format!("vllm serve /mnt/models {COMMON}"));
        let matters =
            |name: &str| ["NCCL_", "NVSHMEM_", "UCX_"].iter().any(|prefix| name.starts_with(prefix));
        let seen = seen.iter().filter(|(name, _)| matters(name));
        Some(seen.map(|(name, value)| format!("{name}={value}")).collect())
    }
}

impl Drop for Sysfs {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

const ACTIVE: &str = "4: ACTIVE";
const LOCAL: &str = "fe80:0000:0000:0000:0000:00ff:fe00:0001";
const IPV4: &str = "0000:0000:0000:0000:0000:ffff:0a00:0001";
const V1: &str = "IB/RoCE v1";
const V2: &str = "RoCE v2";

#[test]
fn active_adapters_and_their_usual_index_are_found() {
    let sysfs = Sysfs::new("found");
    let usual = [(0, V1, LOCAL), (1, V2, LOCAL), (2, V1, IPV4), (3, V2, IPV4)];
    sysfs.adapter("mlx5_0", ACTIVE, &usual);
    sysfs.adapter("mlx5_10", ACTIVE, &[(0, V2, LOCAL), (5, V2, IPV4), (7, V2, IPV4)]);
    sysfs.adapter("mlx5_2", ACTIVE, &usual);
    sysfs.adapter("mlx5_3", "1: DOWN", &usual);
    sysfs.adapter("mlx5_4", ACTIVE, &[(0, "InfiniBand", LOCAL)]);
    sysfs.adapter("irdma0", ACTIVE, &usual);
    sysfs.write("proc/driver/nvidia/params", "EnablePeerMapping: 1");
    let Some(seen) = sysfs.run(&[]) else { return };
    let expected = [
        "NCCL_IB_GID_INDEX=3",
        "NCCL_IB_HCA=mlx5_0,mlx5_2,mlx5_10",
        "NVSHMEM_HCA_LIST=mlx5_0:1,mlx5_2:1,mlx5_10:1",
        "NVSHMEM_IB_GID_INDEX=3",
        "UCX_IB_GID_INDEX=3",
        "UCX_NET_DEVICES=mlx5_0:1,mlx5_2:1,mlx5_10:1",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn of_indices_that_are_equally_frequent_three_is_taken_else_the_first() {
    let sysfs = Sysfs::new("tie");
    sysfs.adapter("mlx5_0", ACTIVE, &[(1, V2, IPV4)]);
    sysfs.adapter("mlx5_1", ACTIVE, &[(3, V2, IPV4)]);
    let Some(seen) = sysfs.run(&[]) else { return };
    assert_eq!(seen[0], "NCCL_IB_GID_INDEX=3");
    sysfs.adapter("mlx5_2", ACTIVE, &[(1, V2, IPV4)]);
    assert_eq!(sysfs.run(&[]).unwrap()[0], "NCCL_IB_GID_INDEX=1");
}

#[test]
fn variables_of_the_users_stay_and_the_index_of_nccl_is_the_others_default() {
    let sysfs = Sysfs::new("given");
    sysfs.adapter("mlx5_0", ACTIVE, &[(3, V2, IPV4)]);
    let env = [("NCCL_IB_HCA", "ibp"), ("NCCL_IB_GID_INDEX", "7"), ("UCX_IB_GID_INDEX", "9")];
    let Some(seen) = sysfs.run(&env) else { return };
    let expected = [
        "NCCL_IB_GID_INDEX=7",
        "NCCL_IB_HCA=ibp",
        "NVSHMEM_HCA_LIST=mlx5_0:1",
        "NVSHMEM_IB_GID_INDEX=7",
        "UCX_IB_GID_INDEX=9",
        "UCX_NET_DEVICES=mlx5_0:1",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn another_type_of_gid_can_be_asked_for() {
    let sysfs = Sysfs::new("pattern");
    sysfs.adapter("mlx5_0", ACTIVE, &[(2, V1, IPV4), (3, V2, IPV4)]);
    let Some(seen) = sysfs.run(&[("KSERVE_INFER_IB_GID_INDEX_GREP", "RoCE v1")]) else { return };
    assert_eq!(seen[..2], ["NCCL_IB_GID_INDEX=2", "NCCL_IB_HCA=mlx5_0"]);
}

#[test]
fn without_adapters_vllm_starts_all_the_same() {
    let Some(seen) = Sysfs::new("none").run(&[]) else { return };
    assert_eq!(seen, Vec::<String>::new());
}
