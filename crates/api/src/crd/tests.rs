use super::*;

#[test]
fn dump() {
    for c in crds() {
        println!("{}", serde_json::to_string(&c).unwrap());
    }
}
