use rstest::rstest;

use super::Applied::{Closed, Held, Open};
use super::*;

fn revision(name: &str) -> Revision {
    (name != "none").then(|| name.to_owned())
}

/// `prefill old ready`, `decode new starting`, each with a count: `2 prefill old ready`.
fn pods(text: &str) -> Vec<Pod> {
    let lines = text.split(", ").filter(|line| !line.is_empty());
    lines
        .flat_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let pod = Pod {
                role: words[1].to_owned(),
                revision: revision(words[2]).unwrap_or_default(),
                ready: matches!(words[3], "ready" | "leaving"),
                deleting: words[3] == "leaving",
                blocked: (words[3] == "blocked").then(|| "no room".to_owned()),
                ..Pod::default()
            };
            std::iter::repeat_n(pod, words[0].parse().unwrap())
        })
        .collect()
}

/// `everyone`, `only old`, `only old, rolling`; empty for none.
fn picker(text: &str) -> Option<Picker> {
    let (admitted, settled) = text.strip_suffix(", rolling").map_or((text, true), |text| (text, false));
    let admitted = match admitted.strip_prefix("only ") {
        _ if admitted.is_empty() => return None,
        None => Admitted::Everyone,
        Some(name) => Admitted::Only(revision(name)),
    };
    Some(Picker { admitted, settled })
}

/// Two of each role are wanted, one may be new.
fn workload(live: &str) -> Workload {
    let (live, closed) = live.strip_suffix(", closed").map_or((live, false), |live| (live, true));
    Workload { live: (!live.is_empty()).then(|| revision(live)), want: 2, step: 1, size: 1, closed }
}

fn state(new: &str, from: &str, live: &str, there: &str) -> State {
    let roles = Both { prefill: workload(live), decode: workload(live) };
    State { new: revision(new), picker: picker(from), roles, pods: Some(pods(there)) }
}

fn only(name: &str) -> Admitted {
    Admitted::Only(revision(name))
}

const OLD: &str = "2 prefill old ready, 2 decode old ready";

#[rstest]
// Nothing lives yet.
#[case::first_creation("new", "", "", "", only("new"), Open, None)]
#[case::first_pods_start("new", "only new", "new", "2 prefill new starting", only("new"), Open, None)]
// A change, step by step.
#[case::the_filter_comes_first("new", "everyone", "old", OLD, only("old"), Held, Some(Wait::Picker))]
#[case::the_filter_has_to_run("new", "only old, rolling", "old", OLD, only("old"), Held, Some(Wait::Picker))]
#[case::first_new_pods("new", "only old", "old", OLD, only("old"), Closed, ready(0, 0))]
#[case::one_role_is_ready(
    "new",
    "only old",
    "new, closed",
    "2 prefill old ready, 1 prefill new ready, 2 decode old ready, 1 decode new starting",
    only("old"),
    Closed,
    ready(1, 0)
)]
#[case::both_are_ready(
    "new",
    "only old",
    "new, closed",
    "1 prefill old ready, 1 prefill new ready, 2 decode old ready, 1 decode new ready",
    only("new"),
    Closed,
    Some(Wait::Picker)
)]
#[case::the_picker_rolls(
    "new",
    "only new, rolling",
    "new, closed",
    "1 prefill old ready, 1 decode old ready",
    only("new"),
    Closed,
    Some(Wait::Picker)
)]
#[case::the_gates_open("new", "only new", "new, closed", OLD, only("new"), Open, None)]
#[case::the_rolls_finish("new", "only new", "new", OLD, only("new"), Open, None)]
#[case::a_picker_that_is_down_later_closes_nothing(
    "new",
    "only new, rolling",
    "new",
    OLD,
    only("new"),
    Open,
    None
)]
// Changes in the middle.
#[case::a_third_revision(
    "third",
    "only old",
    "new, closed",
    "1 prefill old ready, 1 prefill new ready, 1 decode old ready, 1 decode new ready",
    only("old"),
    Closed,
    ready(0, 0)
)]
#[case::a_third_one_after_the_hand_over(
    "third",
    "only new",
    "new",
    "1 prefill old ready, 2 prefill new ready, 1 decode old ready, 2 decode new ready",
    only("new"),
    Closed,
    ready(0, 0)
)]
#[case::back_to_the_old_one("old", "only old", "new, closed", OLD, only("old"), Open, None)]
#[case::back_before_the_filter_ran(
    "none",
    "only none, rolling",
    "none",
    "2 decode none ready",
    only("none"),
    Open,
    None
)]
#[case::back_after_the_hand_over(
    "old",
    "only new",
    "new",
    "1 prefill old ready, 1 prefill new ready, 1 decode old ready, 1 decode new ready",
    only("old"),
    Closed,
    Some(Wait::Picker)
)]
// Pods that fail.
#[case::new_pods_crash(
    "new",
    "only old",
    "new, closed",
    "2 prefill old ready, 1 prefill new starting, 2 decode old ready, 1 decode new ready",
    only("old"),
    Closed,
    ready(0, 1)
)]
#[case::new_pods_leave(
    "new",
    "only old",
    "new, closed",
    "2 prefill old ready, 1 prefill new leaving, 2 decode old ready, 1 decode new ready",
    only("old"),
    Closed,
    ready(0, 1)
)]
#[case::old_pods_have_crashed(
    "new",
    "only old",
    "old",
    "2 prefill old starting, 2 decode old starting",
    only("old"),
    Closed,
    ready(0, 0)
)]
#[case::no_old_pod_is_left(
    "new", "only old", "new, closed", "2 prefill new ready, 2 decode new starting",
    only("old"), Open, Some(Wait::Ready(Both { prefill: (2, 2), decode: (0, 2) }))
)]
// Pods that were made before there was a label.
#[case::unlabelled_pods_go_on(
    "none",
    "everyone",
    "none",
    "2 prefill none ready, 2 decode none ready",
    Admitted::Everyone,
    Open,
    None
)]
#[case::unlabelled_pods_are_told_apart_first(
    "new",
    "everyone",
    "none",
    "2 prefill none ready, 2 decode none ready",
    only("none"),
    Held,
    Some(Wait::Picker)
)]
#[case::unlabelled_pods_roll(
    "new",
    "only none",
    "none",
    "2 prefill none ready, 2 decode none ready",
    only("none"),
    Closed,
    ready(0, 0)
)]
// The scheduler comes, or its configuration becomes a generated one.
#[case::a_filter_for_what_is_there(
    "new",
    "everyone",
    "new",
    "2 prefill new ready, 2 decode new ready",
    only("new"),
    Open,
    None
)]
#[case::a_scheduler_comes_along_with_a_change("new", "", "old", OLD, only("old"), Closed, ready(0, 0))]
#[case::a_scheduler_comes_in_the_middle(
    "new",
    "",
    "new",
    "2 prefill old ready, 1 prefill new ready, 2 decode old ready, 1 decode new ready",
    only("new"),
    Closed,
    Some(Wait::Picker)
)]
// Prefill comes: what has served alone goes on.
#[case::prefill_comes("new", "everyone", "none", "2 both none ready", only("none"), Held, Some(Wait::Picker))]
fn what_lives_decides(
    #[case] new: &str,
    #[case] from: &str,
    #[case] live: &str,
    #[case] there: &str,
    #[case] admitted: Admitted,
    #[case] applied: Applied,
    #[case] wait: Option<Wait>,
) {
    let applied = Both { prefill: applied, decode: applied };
    assert_eq!(step(&state(new, from, live, there)), Step { admitted, applied, wait });
}

/// One of each is needed.
#[allow(clippy::unnecessary_wraps, reason = "it stands in a table of waits")]
fn ready(prefill: i64, decode: i64) -> Option<Wait> {
    Some(Wait::Ready(Both { prefill: (prefill, 1), decode: (decode, 1) }))
}

const MIXED: &str = "1 prefill old ready, 1 decode old ready, ";

/// Wanted and let through of either role; the pods; what is needed, none when it is there.
#[rstest]
#[case::a_share_of_the_larger_role((8, 4), (2, 1), "3 prefill new ready, 1 decode new ready", Some((4, 1)))]
#[case::a_share_of_both((8, 4), (2, 1), "4 prefill new ready, 1 decode new ready", None)]
#[case::the_tighter_gate_decides((4, 1), (8, 4), "1 prefill new ready, 2 decode new ready", None)]
#[case::never_less_than_one((8, 1), (2, 1), "1 prefill new ready", Some((1, 1)))]
#[case::one_of_one((1, 1), (8, 4), "1 prefill new ready, 4 decode new ready", None)]
#[case::what_finds_no_room_is_not_waited_for((4, 2), (4, 2), "1 prefill new ready, 1 prefill new blocked, 2 decode new ready", None)]
#[case::what_starts_is((4, 2), (4, 2), "1 prefill new ready, 1 prefill new starting, 2 decode new ready", Some((2, 2)))]
#[case::nothing_finds_room((4, 2), (4, 2), "2 prefill new blocked, 2 decode new ready", Some((2, 2)))]
#[case::scaled_to_zero((0, 0), (4, 2), "2 decode new ready", None)]
#[case::both_scaled_to_zero((0, 0), (0, 0), "", None)]
fn as_many_new_pods_take_over_as_the_gates_let_through(
    #[case] prefill: (i64, i64),
    #[case] decode: (i64, i64),
    #[case] there: &str,
    #[case] needed: Option<(i64, i64)>,
) {
    let workload = |(want, step)| Workload { want, step, ..workload("new, closed") };
    let roles = Both { prefill: workload(prefill), decode: workload(decode) };
    let pods = Some(pods(&format!("{MIXED}{there}")));
    let found = step(&State { roles, pods, ..state("new", "only old", "", "") });
    match needed {
        None => assert_eq!((found.admitted, found.wait), (only("new"), Some(Wait::Picker))),
        Some(needed) => {
            let Some(Wait::Ready(Both { prefill, decode })) = found.wait else { panic!("{found:?}") };
            assert_eq!((found.admitted, (prefill.1, decode.1)), (only("old"), needed));
        }
    }
}

#[test]
fn nothing_changes_while_pods_cannot_be_read() {
    for from in ["everyone", "only old"] {
        let state = State { pods: None, ..state("new", from, "old", "") };
        let found = step(&state);
        let wait = if from == "everyone" { Wait::Picker } else { Wait::Pods };
        let applied = Both { prefill: Held, decode: Held };
        assert_eq!(found, Step { admitted: only("old"), applied, wait: Some(wait) });
    }
}

#[test]
fn a_role_without_a_workload_is_made_at_once_and_the_other_waits() {
    let mut state = state("new", "everyone", "none", "2 both none ready");
    state.roles.prefill.live = None;
    assert_eq!(step(&state).applied, Both { prefill: Open, decode: Held });
}

#[test]
fn of_a_group_the_first_pod_counts() {
    let mut state =
        state("new", "only old", "new, closed", &format!("{MIXED}1 prefill new ready, 1 decode new ready"));
    for (index, pod) in state.pods.iter_mut().flatten().enumerate() {
        pod.worker_index = Some(u32::from(index == 2));
    }
    assert_eq!(step(&state).wait, ready(0, 1));
}

#[test]
fn of_several_old_revisions_a_complete_one_with_most_pods_goes_on() {
    let there = "3 decode half ready, 1 prefill whole ready, 1 decode whole ready, 9 prefill new ready";
    assert_eq!(step(&state("new", "everyone", "whole", there)).admitted, only("whole"));
    assert_eq!(
        step(&state("new", "everyone", "whole", "1 decode a ready, 2 decode b ready")).admitted,
        only("b")
    );
}

/// Two pods in each group; the first pair of groups is new.
fn groups(worker: Pod) -> State {
    let mut state = state("new", "only old", "old, closed", "1 prefill old ready, 1 decode old ready");
    let roles = state.roles;
    state.roles = roles.map(|_, role| Workload { size: 2, ..role.clone() });
    let group = |role: &str, worker: Pod| {
        let leader = Pod {
            name: format!("{role}-1"),
            role: role.to_owned(),
            revision: "new".to_owned(),
            worker_index: Some(0),
            ready: true,
            ..Pod::default()
        };
        let worker = Pod { name: format!("{role}-1-1"), worker_index: Some(1), ..worker };
        [leader, worker]
    };
    let whole = Pod { revision: "new".to_owned(), ready: true, ..Pod::default() };
    let pods = state.pods.as_mut().unwrap();
    pods.extend(group("prefill", whole));
    pods.extend(group("decode", worker));
    state
}

#[rstest]
#[case::whole("new", true, false, only("new"))]
#[case::worker_starts("new", false, false, only("old"))]
#[case::worker_leaves("new", true, true, only("old"))]
#[case::former_worker("old", true, false, only("old"))]
fn a_group_takes_over_when_all_its_pods_are_there(
    #[case] revision: &str,
    #[case] ready: bool,
    #[case] deleting: bool,
    #[case] expected: Admitted,
) {
    let worker = Pod { revision: revision.to_owned(), ready, deleting, ..Pod::default() };
    assert_eq!(step(&groups(worker)).admitted, expected);
}
