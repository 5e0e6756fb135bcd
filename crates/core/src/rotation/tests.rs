use super::*;

const PACE: Pace = Pace { settle: Duration::from_secs(5), patience: Duration::from_mins(10) };
const DAY: i64 = 24 * 3600;

fn at(days: i64) -> Timestamp {
    Timestamp::from_second(days * DAY).unwrap()
}

fn ca(id: &str, from: i64) -> Authority {
    Authority { id: id.to_owned(), renewal: at(from + 200), to: at(from + 300) }
}

fn leaf(id: &str, signer: &str, from: i64) -> Leaf {
    Leaf { id: id.to_owned(), signer: signer.to_owned(), renewal: at(from + 20), to: at(from + 30) }
}

fn keys(authorities: &[Authority], leaf: Option<Leaf>, serving: &[&str]) -> Keys {
    let serving = serving.iter().map(|id| (*id).to_owned()).collect();
    Keys { authorities: authorities.to_vec(), leaf, asked: false, serving }
}

fn seen(days: i64, published: Option<u64>, written: u64) -> Seen {
    Seen {
        now: at(days),
        published: published.map(Duration::from_secs),
        written: Duration::from_secs(written),
    }
}

#[test]
fn a_settled_pair_rests_until_the_first_of_its_renewals() {
    let settled = keys(&[ca("a", 0)], Some(leaf("1", "a", 0)), &["1"]);
    assert_eq!(next(&settled, &seen(1, Some(99), 99), &PACE), Step::Rest(at(20)));
}

#[test]
fn without_an_authority_that_lives_everything_is_made_anew() {
    assert_eq!(next(&Keys::default(), &seen(1, None, 0), &PACE), Step::Begin);
    let over = keys(&[ca("a", 0)], Some(leaf("1", "a", 0)), &["1"]);
    assert_eq!(next(&over, &seen(300, Some(99), 99), &PACE), Step::Begin);
}

#[test]
fn a_leaf_that_is_missing_ended_or_due_is_signed_at_once() {
    let authority = [ca("a", 0)];
    for (leaf, day) in [(None, 1), (Some(leaf("1", "a", 0)), 31), (Some(leaf("1", "a", 0)), 20)] {
        assert_eq!(next(&keys(&authority, leaf, &["1"]), &seen(day, None, 0), &PACE), Step::Sign);
    }
}

#[test]
fn a_new_authority_is_introduced_when_it_is_due_or_asked_for_and_not_during_a_rotation() {
    let mut settled = keys(&[ca("a", 0)], Some(leaf("1", "a", 190)), &["1"]);
    assert_eq!(next(&settled, &seen(200, None, 0), &PACE), Step::Introduce);
    settled.asked = true;
    assert_eq!(next(&settled, &seen(191, None, 0), &PACE), Step::Introduce);
    settled.authorities.insert(0, ca("b", 191));
    assert_eq!(next(&settled, &seen(191, None, 0), &PACE), Step::Rest(at(220)));
}

#[test]
fn a_new_authority_signs_only_after_everybody_has_trusted_it_for_a_while() {
    let introduced = keys(&[ca("b", 9), ca("a", 0)], Some(leaf("1", "a", 0)), &["1"]);
    assert_eq!(next(&introduced, &seen(9, None, 999), &PACE), Step::Rest(at(30)), "somebody does not yet");
    let soon = at(9).checked_add(Duration::from_secs(2)).unwrap();
    assert_eq!(next(&introduced, &seen(9, Some(3), 999), &PACE), Step::Rest(soon));
    assert_eq!(next(&introduced, &seen(9, Some(5), 999), &PACE), Step::Sign);
    assert_eq!(
        next(&introduced, &seen(30, None, 999), &PACE),
        Step::Sign,
        "a leaf that has ended helps nobody"
    );
}

#[test]
fn an_old_authority_is_forgotten_once_every_replica_serves_the_new_leaf() {
    let signed = |serving: &[&str]| keys(&[ca("b", 9), ca("a", 0)], Some(leaf("2", "b", 9)), serving);
    assert_eq!(next(&signed(&["2", "2"]), &seen(9, Some(9), 5), &PACE), Step::Forget);
    for serving in [&["2", "1"][..], &[]] {
        let rest = next(&signed(serving), &seen(9, Some(9), 5), &PACE);
        assert_eq!(rest, Step::Rest(at(9).checked_add(Duration::from_secs(595)).unwrap()), "{serving:?}");
        assert_eq!(next(&signed(serving), &seen(9, Some(9), 600), &PACE), Step::Forget, "it is gone");
    }
}

/// Fifty years by timer alone: whatever is served, by whoever was slow, is trusted by whoever calls.
#[test]
fn in_fifty_years_no_step_meets_somebody_who_does_not_trust_it() {
    let (mut now, mut state, mut made) = (at(0), Keys::default(), 0);
    let (mut trusted, mut served): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    while now < at(50 * 365) {
        let day = now.as_second() / DAY;
        let settled = Seen { now, published: Some(PACE.settle), written: PACE.settle };
        match next(&state, &settled, &PACE) {
            Step::Rest(until) => now = until,
            Step::Begin => state = keys(&[ca("0", day)], Some(leaf("l0", "0", day)), &["l0"]),
            Step::Introduce => {
                made += 1;
                state.authorities.insert(0, ca(&made.to_string(), day));
            }
            Step::Sign => {
                made += 1;
                let (id, signer) = (format!("l{made}"), state.authorities[0].id.clone());
                served.push(state.leaf.take().unwrap().signer);
                state.leaf = Some(leaf(&id, &signer, day));
                state.serving = vec![id];
            }
            Step::Forget => {
                state.authorities.truncate(1);
                served.clear();
            }
        }
        let now_trusted: Vec<String> = state.authorities.iter().map(|ca| ca.id.clone()).collect();
        let signer = &state.leaf.as_ref().unwrap().signer;
        // Callers may not have heard of the last step yet.
        assert!(trusted.is_empty() || trusted.contains(signer) && now_trusted.contains(signer), "{now}");
        assert!(served.iter().all(|signer| now_trusted.contains(signer)), "{now}");
        trusted = now_trusted;
    }
    assert!(made > 900, "{made}: leaves every 20 days, authorities every 200");
}
