use serde_json::json;

use super::*;

fn with_namesakes(merged: &Value, prepare: impl Fn(&mut World)) -> Value {
    let mut world = World::new();
    let names = Answer::Found(json!(["b", "c"]).into());
    world.seen.insert(Key::Namesakes(Ref::new("ml", "llama")), names);
    prepare(&mut world);
    let decision = decided(&mut world, merged);
    report(&world, &decision, &[])
}

fn routed() -> Value {
    spec(json!({"route": {}}))
}

#[test]
fn another_service_of_the_same_model_name_is_told_and_blocks_nothing() {
    let expected = "ModelNameCollision=True ModelNameCollision: a model of this service has the same name as one of \
                    b, c: requests that say only the model's name may reach either; set another spec.model.name, or \
                    the same spec.router.route.group on all of them";
    let status = with_namesakes(&routed(), |_| {});
    assert_eq!(line(&status, "ModelNameCollision"), expected);
    let without = |status: &Value| {
        lines(status).into_iter().filter(|line| !line.starts_with("ModelName")).collect::<Vec<_>>()
    };
    let alone = with_namesakes(&routed(), |world| {
        world.seen.insert(Key::Namesakes(Ref::new("ml", "llama")), Answer::Absent);
    });
    assert_eq!(without(&status), lines(&alone));
}

#[test]
fn who_has_no_route_or_is_stopped_has_no_namesakes() {
    let stopped = with_namesakes(&routed(), |world| {
        world.service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "true"});
    });
    for status in [with_namesakes(&spec(json!({"scheduler": {}})), |_| {}), stopped] {
        assert!(!lines(&status).iter().any(|line| line.starts_with("ModelName")));
    }
}
