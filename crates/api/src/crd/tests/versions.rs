use std::collections::BTreeSet;

use serde_json::Value;

use super::{CRDS, FULL, schema_of, walk};
use crate::v1alpha1;
use crate::version::Version;

/// Names of all places of a schema; lists and maps are `*`.
fn places(schema: &Value) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    walk(schema, "", &mut |path, _| {
        places.insert(path.replace("[]", ".*").replace('.', "/"));
    });
    places
}

#[test]
fn the_versions_differ_in_what_is_listed_and_in_nothing_else() {
    // E-9
    for crd in CRDS.iter().chain(FULL.iter()) {
        let [older, newer] = Version::ALL.map(|version| places(schema_of(crd, version)));
        let listed = |place: &&String| {
            let under = |pointer: &str| place.starts_with(&format!("{pointer}/")) || *place == pointer;
            v1alpha1::ABSENT.iter().any(|pointer| under(pointer)) || under(v1alpha1::POOL)
        };
        assert_eq!(newer.difference(&older).find(|place| !listed(place)), None);
        let criticality = |place: &&String| place.ends_with("/criticality");
        let added: Vec<_> = older.difference(&newer).filter(|place| !listed(place)).collect();
        assert_eq!(added.len(), 2, "{added:?}");
        assert!(added.iter().all(criticality), "{added:?}");
        let gone = |pointer: &&&str| newer.contains(**pointer) && older.contains(**pointer);
        assert_eq!(v1alpha1::ABSENT.iter().find(gone), None);
    }
}
