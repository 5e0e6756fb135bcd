use serde::Deserialize as _;
use serde_json::json;

use super::*;

fn pod(name: &str, service: &str, status: &Value) -> Body {
    let labels = json!({"app.kubernetes.io/name": service});
    let metadata = json!({"name": name, "namespace": "ns", "labels": labels, "resourceVersion": "1"});
    Body::deserialize(json!({"metadata": metadata, "status": status})).unwrap()
}

fn waiting(why: &str) -> Value {
    let scheduled =
        json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why});
    json!({"conditions": [scheduled]})
}

fn m() -> Ref {
    Ref::new("ns", "m")
}

fn seen(pods: &Pods) -> Vec<Pod> {
    pods::read(pods.answer(&m(), Instant::now()).0.found().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_blocked_once_it_has_waited_for_half_a_minute() {
    let mut pods = Pods::default();
    assert_eq!(pods.put(pod("a", "m", &waiting("no room")), Instant::now()), touched(true, true));
    assert_eq!(pods.changes_in(&m(), Instant::now()), Some(PATIENCE));
    let before = pods.answer(&m(), Instant::now()).1;
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(pods.put(pod("a", "m", &waiting("still no room")), Instant::now()), touched(true, true));
    assert_eq!((seen(&pods)[0].blocked.as_deref(), pods.answer(&m(), Instant::now()).1), (None, before));
    tokio::time::advance(pods.changes_in(&m(), Instant::now()).unwrap()).await;
    assert_eq!(seen(&pods)[0].blocked.as_deref(), Some("still no room"));
    assert_eq!(pods.changes_in(&m(), Instant::now()), None);
    pods.put(pod("a", "m", &json!({})), Instant::now());
    assert_eq!(seen(&pods)[0].blocked, None);
}

#[tokio::test]
async fn only_a_change_that_counts_touches_a_service() {
    let mut pods = Pods::default();
    let now = Instant::now();
    assert_eq!(pods.put(pod("a", "m", &json!({})), now), touched(true, false));
    assert_eq!(pods.put(pod("a", "m", &json!({"startTime": "now"})), now), touched(false, false));
    let other = || Ref::new("ns", "other");
    assert_eq!(pods.put(pod("a", "other", &json!({})), now).pods, [m(), other()].into());
    assert!(seen(&pods).is_empty());
    assert_eq!(pods.remove(&Ref::new("ns", "a")).pods, [other()].into());
    assert_eq!(pods.remove(&Ref::new("ns", "a")), Touched::default());
}

#[tokio::test]
async fn a_new_list_tells_which_pods_are_gone() {
    let mut pods = Pods::default();
    for name in ["a", "b"] {
        pods.put(pod(name, "m", &json!({})), Instant::now());
    }
    assert_eq!(pods.unlisted(&[Ref::new("ns", "a")].into()), [Ref::new("ns", "b")].into());
}

fn crashed(code: i64) -> Value {
    let last = json!({"terminated": {"exitCode": code, "reason": "Error"}});
    json!({"containerStatuses": [{"name": "main", "restartCount": 1, "state": {"running": {}}, "lastState": last}]})
}

fn placed(name: &str, status: &Value) -> Body {
    let labels = json!({"app.kubernetes.io/name": "m"});
    let metadata = json!({"name": name, "namespace": "ns", "labels": labels});
    let probed = json!([{"name": "main", "readinessProbe": {}}]);
    let spec = json!({"nodeName": "node", "containers": probed});
    Body::deserialize(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap()
}

fn in_trouble(pods: &Pods) -> Vec<String> {
    let pods = pods::read(pods.troubles(&m(), Instant::now()).0.found().unwrap());
    pods.into_iter().map(|pod| format!("{}: {}", pod.name, pod.trouble.unwrap().detail)).collect()
}

/// Who looks at pods, and who at their trouble.
fn touched(pods: bool, troubles: bool) -> Touched {
    let of = |is: bool| if is { [m()].into() } else { BTreeSet::new() };
    Touched { pods: of(pods), troubles: of(troubles) }
}

// G-61
#[tokio::test]
async fn pods_that_are_made_serve_and_go_are_noticed_and_are_no_trouble() {
    let (mut pods, now) = (Pods::default(), Instant::now());
    let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    assert_eq!(pods.put(placed("a", &json!({})), now), touched(true, false), "made");
    assert_eq!(pods.put(placed("a", &ready), now), touched(true, false), "serves");
    assert_eq!(pods.put(placed("a", &json!({})), now), touched(true, false), "serves no more");
    assert_eq!(pods.remove(&Ref::new("ns", "a")), touched(true, false), "gone");
    assert_eq!(in_trouble(&pods), Vec::<String>::new());
}

// G-61
#[tokio::test]
async fn trouble_its_changes_and_its_end_are_told_to_those_who_look_at_it() {
    let (mut pods, now) = (Pods::default(), Instant::now());
    pods.put(placed("a", &json!({})), now);
    assert_eq!(pods.put(placed("a", &crashed(1)), now), touched(false, true), "begins");
    assert_eq!(in_trouble(&pods), ["a: exited with code 1 (1 restart)"]);
    assert_eq!(pods.put(placed("a", &crashed(1)), now), touched(false, false), "goes on");
    assert_eq!(pods.put(placed("a", &crashed(2)), now), touched(false, true), "changes");
    assert_eq!(in_trouble(&pods), ["a: exited with code 2 (1 restart)"]);
    assert_eq!(pods.put(placed("a", &json!({})), now), touched(false, true), "ends");
    assert_eq!(in_trouble(&pods), Vec::<String>::new());
    pods.put(placed("b", &crashed(1)), now);
    assert_eq!(pods.remove(&Ref::new("ns", "b")), touched(true, true), "goes");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_for_a_moment_is_no_trouble() {
    let mut pods = Pods::default();
    let unready = json!({"containerStatuses": [{"name": "main", "started": true, "state": {"running": {}}}]});
    pods.put(placed("a", &crashed(1)), Instant::now());
    tokio::time::advance(PATIENCE).await;
    pods.put(placed("a", &unready), Instant::now());
    assert_eq!(in_trouble(&pods), Vec::<String>::new());
    tokio::time::advance(pods.changes_in(&m(), Instant::now()).unwrap()).await;
    assert_eq!(in_trouble(&pods), ["a: runs, but its readiness probe fails"]);
    assert_eq!(pods.changes_in(&m(), Instant::now()), None);
}

#[tokio::test]
async fn trouble_is_no_part_of_what_is_decided_from_pods() {
    let mut pods = Pods::default();
    pods.put(placed("a", &json!({})), Instant::now());
    let before = pods.answer(&m(), Instant::now());
    pods.put(placed("a", &crashed(1)), Instant::now());
    assert_eq!(pods.answer(&m(), Instant::now()), before);
}
