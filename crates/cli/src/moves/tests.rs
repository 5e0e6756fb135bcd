use llmisvc_core::presets::shipped;

use super::*;
use crate::input::parse;

const OLD: &str = "llmisvc-v0-0-1-";
const NEW: &str = llmisvc_core::facts::OWN_PREFIX;

/// The presets of this release and of an older one, whose picker and model server have other images.
fn presets() -> Vec<Value> {
    let mut old = shipped(OLD);
    for preset in &mut old {
        for path in
            ["/spec/template/containers/0/image", "/spec/router/scheduler/template/containers/0/image"]
        {
            if let Some(image) = preset.pointer_mut(path) {
                *image = json!("registry/older:1");
            }
        }
    }
    old.into_iter().chain(shipped(NEW)).collect()
}

fn moves(text: &str, to: &str, from: Option<&str>) -> Vec<Move> {
    let documents = parse("f", text).expect("parses");
    let offline = Offline::new(&documents, presets(), None, None, "team");
    plan(&documents, &offline, "team", to, from)
}

fn service(name: &str, spec: &str, more: &str) -> String {
    format!(
        "apiVersion: serving.kserve.io/v1alpha2\nkind: LLMInferenceService\nmetadata: {{name: {name}}}\n\
         spec: {{model: {{uri: 'hf://org/m'}}{spec}}}\n{more}\n---\n"
    )
}

fn pins(suffixes: &[&str]) -> String {
    let pins: Vec<String> = suffixes.iter().map(|s| format!("serving.kserve.io/{s}: {OLD}{s}")).collect();
    format!("status: {{annotations: {{{}}}}}", pins.join(", "))
}

fn preset(suffix: &str) -> Replaced {
    Replaced { from: format!("kserve/{OLD}{suffix}"), to: format!("kserve/{NEW}{suffix}") }
}

fn server() -> Child {
    let fields = vec!["spec.template.spec.containers[main].image".to_owned()];
    Child { object: "Deployment m-kserve".to_owned(), fields }
}

#[test]
fn a_move_names_presets_fields_and_restarts() {
    let found = moves(&service("m", "", &pins(&["config-llm-template"])), "latest", None);
    let expected = Move {
        service: "team/m".to_owned(),
        presets: vec![preset("config-llm-template")],
        children: vec![server()],
        restarts: vec!["Deployment m-kserve".to_owned()],
        findings: Vec::new(),
    };
    assert_eq!(found, [expected]);
    let text = format!(
        "team/m\n  preset kserve/{OLD}config-llm-template -> kserve/{NEW}config-llm-template\n  \
         Deployment m-kserve: spec.template.spec.containers[main].image\n  pods restart: Deployment m-kserve\n"
    );
    assert_eq!(found[0].to_string(), text);
}

#[test]
fn one_that_has_an_image_of_its_own_moves_without_a_restart() {
    let own = ", template: {containers: [{name: main, image: 'mine:1'}]}";
    let found = moves(&service("m", own, &pins(&["config-llm-template"])), "latest", None);
    assert_eq!((found[0].presets.len(), found[0].children.len(), found[0].restarts.len()), (1, 0, 0));
    assert!(found[0].to_string().ends_with("  no pod restarts\n"), "{}", found[0]);
}

#[test]
fn the_picker_is_named_too() {
    let spec = ", router: {route: {}, scheduler: {}}";
    let found =
        moves(&service("m", spec, &pins(&["config-llm-template", "config-llm-scheduler"])), "latest", None);
    let objects: Vec<&str> = found[0].children.iter().map(|child| child.object.as_str()).collect();
    assert_eq!(objects, ["Deployment m-kserve", "Deployment m-kserve-router-scheduler"]);
    assert_eq!(found[0].restarts, objects);
}

#[test]
fn a_service_from_a_file_pins_nothing_and_is_of_the_release_that_is_given() {
    let text = service("m", "", "");
    assert_eq!(moves(&text, "latest", None)[0].to_string(), "team/m: nothing changes\n");
    assert_eq!(moves(&text, "latest", Some("0-0-1"))[0].children, [server()]);
    assert_eq!(moves(&text, "0.0.1", None)[0].children, [server()], "and back");
}

#[test]
fn a_release_that_is_not_there_is_a_finding() {
    let found = moves(&service("m", "", &pins(&["config-llm-template"])), "0.9.9", None);
    let expected = "then: metadata.annotations[llmisvc.io/preset-version]: LLMInferenceServiceConfig \
                    \"llmisvc-v0-9-9-config-llm-template\" not found in namespaces [team kserve]; create it, or name \
                    one of these: ";
    assert!(found[0].findings[0].starts_with(expected), "{:?}", found[0].findings);
    assert_eq!(found[0].to_string(), "team/m\n", "nothing is known about the move");
    let old = service("m", "", "").replace("v1alpha2", "v0");
    assert_eq!(moves(&old, "latest", None)[0].findings.len(), 1);
}
