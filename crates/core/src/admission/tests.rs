//! What the tables of `tests/admission` do not say: updates, deletions, defaults, the wire, and the look ahead.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::wire::{Review, WireError, response};
use super::*;
use crate::facts::OWN_PREFIX;
use crate::presets;

fn site() -> Site {
    Site {
        system_namespace: "kserve".to_owned(),
        config_prefix: OWN_PREFIX.to_owned(),
        prevent_config_deletion: true,
    }
}

fn service(spec: Value) -> Value {
    let mut service = json!({"apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService"});
    service["metadata"] = json!({"name": "llama", "namespace": "ns"});
    service["spec"] = spec;
    service
}

fn create(object: &Value) -> Request<'_> {
    Request {
        subject: Subject::Service,
        version: Version::V1alpha2,
        operation: Operation::Create,
        namespace: "ns",
        name: "llama",
        user: "someone",
        object: Some(object),
        old: None,
    }
}

fn update<'a>(old: &'a Value, object: &'a Value) -> Request<'a> {
    Request { operation: Operation::Update, old: Some(old), ..create(object) }
}

fn rules(request: &Request<'_>) -> Vec<&'static str> {
    violations(request, &site()).iter().map(|violation| violation.rule.id()).collect()
}

mod settled {
    use super::*;

    fn broken() -> Value {
        service(json!({"worker": {}, "template": {"imagee": 1}}))
    }

    #[test]
    fn a_stored_object_that_breaks_rules_gets_finalizers_labels_and_status() {
        let old = broken();
        let mut new = broken();
        new["metadata"]["finalizers"] = json!(["serving.kserve.io/llmisvc-finalizer"]);
        new["metadata"]["labels"] = json!({"a": "b"});
        new["metadata"]["annotations"] = json!({"example.com/note": "x"});
        new["status"] = json!({"url": "http://x"});
        assert_eq!(review(&update(&old, &new), &site()), Verdict::default());
    }

    #[test]
    fn an_object_that_goes_is_let_go() {
        let old = broken();
        let mut new = broken();
        new["spec"]["replicas"] = json!(3);
        assert_ne!(rules(&update(&old, &new)), Vec::<&str>::new());
        new["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(rules(&update(&old, &new)), Vec::<&str>::new());
        let delete = Request { operation: Operation::Delete, object: None, old: Some(&old), ..create(&old) };
        assert_eq!(review(&delete, &site()), Verdict::default());
    }

    #[test]
    fn an_annotation_that_a_rule_reads_is_looked_at() {
        let old = service(json!({}));
        let mut new = old.clone();
        new["metadata"]["annotations"] = json!({"serving.kserve.io/exp-dra-device-count": "2"});
        assert_eq!(rules(&update(&old, &new)), ["DR1"]);
    }

    #[test]
    fn our_own_rules_let_pass_what_was_there_wherever_it_stands_in_its_list() {
        let pod = |containers: Value| service(json!({"template": {"containers": containers}}));
        let old = pod(json!([{"name": "main", "imagee": "x"}]));
        let moved = pod(json!([{"name": "first"}, {"name": "main", "imagee": "y"}]));
        assert_eq!(rules(&update(&old, &moved)), Vec::<&str>::new());
        let more = pod(json!([{"name": "main", "imagee": "x", "argz": []}]));
        assert_eq!(rules(&update(&old, &more)), ["PF1"]);
        assert_eq!(rules(&create(&old)), ["PF1"]);
    }
}

mod services {
    use super::*;

    #[test]
    fn all_findings_come_at_once_in_the_order_of_their_version() {
        let spec = json!({
            "router": {"scheduler": {"replicas": 0}, "route": {"weight": 1}},
            "rolloutStrategy": {"maxSurge": -1},
            "model": {"lora": {"adapters": [{"uri": "hf://a"}]}, "confidential": {"enabled": true, "resourceId": "x"}},
            "template": {"imagee": 1},
        });
        let mut object = service(spec);
        object["metadata"]["annotations"] = json!({"serving.kserve.io/exp-dra-device-count": "2"});
        assert_eq!(rules(&create(&object)), ["T2", "S1", "L4", "RO1", "DR1", "CF1", "PF1"]);
        object["apiVersion"] = json!("serving.kserve.io/v1alpha1");
        let older = Request { version: Version::V1alpha1, ..create(&object) };
        assert_eq!(rules(&older), ["T2", "S1", "RO1", "L4", "DR1", "CF1", "PF1"]);
    }

    #[test]
    fn what_cannot_be_read_is_a_problem_with_its_path() {
        let object = service(json!({"replicas": "many"}));
        let found = review(&create(&object), &site()).problems;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "spec.replicas");
        let mut foreign = service(json!({}));
        foreign["apiVersion"] = json!("example.com/v1");
        let request = Request { version: Version::V1alpha1, ..create(&foreign) };
        assert_eq!(review(&request, &site()).problems[0].path, "apiVersion");
    }

    #[test]
    fn a_model_needs_no_uri_and_a_service_no_model() {
        // E-15
        for spec in [json!({}), json!({"model": {"name": "m"}}), json!({"baseRefs": [{"name": "base"}]})] {
            assert_eq!(review(&create(&service(spec)), &site()).problems, []);
        }
    }

    #[test]
    fn the_value_is_shown_for_scalars_only() {
        // E-31
        let object = service(json!({
            "worker": {"containers": [{"name": "main", "env": [{"name": "TOKEN", "value": "secret"}]}]},
            "router": {"scheduler": {"replicas": 0}},
        }));
        let problems = review(&create(&object), &site()).problems;
        let values: Vec<_> = problems.iter().map(|problem| (problem.path.as_str(), &problem.value)).collect();
        assert_eq!(values, [("spec.worker", &None), ("spec.router.scheduler.replicas", &Some(json!(0)))]);
        assert!(!format!("{problems:?}").contains("secret"));
    }

    #[test]
    fn a_value_of_another_kind_in_a_pod_is_named_and_not_shown() {
        // E-31
        let env = json!([{"name": "TOKEN", "value": 4711}]);
        let object = service(json!({"template": {"containers": [{"name": "main", "env": env}]}}));
        let verdict = check(&create(&object), &site());
        let message = verdict.problems[0].to_string();
        assert!(message.starts_with("spec.template.containers[0].env[0].value: "), "{message}");
        assert!(!message.contains("4711"), "{message}");
    }

    #[test]
    fn older_objects_may_name_the_parents_that_their_gateways_are() {
        // E-24
        let mut object = service(json!({"router": {
            "route": {"http": {"spec": {"parentRefs": [{"name": "gw"}]}}}, "gateway": {"refs": [{"name": "gw"}]},
        }}));
        object["apiVersion"] = json!("serving.kserve.io/v1alpha1");
        let request = Request { version: Version::V1alpha1, ..create(&object) };
        assert_eq!(rules(&request), ["W1"]);
    }

    #[test]
    fn sizes_below_zero_and_paths_out_of_a_volume_are_refused() {
        // E-25
        let tiers = json!([
            {"fileSystem": {"pvc": {"ref": {"name": "c", "path": "../x"}}}}, {"fileSystem": {"emptyDir": {"size": "0"}}},
        ]);
        let object = service(json!({"kvCacheOffloading": {"cpu": "-1Gi", "secondary": tiers}}));
        assert_eq!(rules(&create(&object)), ["KV8", "KV9", "N5"]);
    }

    #[test]
    fn what_no_schema_checks_is_a_warning() {
        // E-28
        let object = service(json!({
            "baseRefs": [{"name": "a"}, {"name": "a"}, {"name": ""}],
            "tracing": {"exporterEndpoint": "collector", "samplerArg": "2"},
            "router": {"scheduler": {"config": {"inline": {"kind": "Pod"}}}},
            "scaling": {"maxReplicas": 2, "wva": {"keda": {"fallback": {"failureThreshold": -1, "replicas": -1}}}},
        }));
        assert_eq!(rules(&create(&object)), ["N9", "N9", "N8", "N8", "N6", "N6", "N7", "N7"]);
    }
}

mod foresight {
    use super::*;

    fn warnings(spec: Value) -> Vec<String> {
        let object = service(spec);
        let verdict = review(&create(&object), &site());
        assert_eq!(verdict.problems, []);
        verdict.warnings
    }

    #[test]
    fn a_sound_service_hears_nothing() {
        assert_eq!(warnings(json!({"model": {"uri": "hf://org/m"}, "parallelism": {"tensor": 2}})), [""; 0]);
        assert_eq!(warnings(json!({"model": {"uri": "oci://registry/m"}})), [""; 0]);
        let named = json!({"containers": [], "serviceAccountName": "mine"});
        assert_eq!(warnings(json!({"model": {"uri": "hf://org/m"}, "template": named})), [""; 0]);
    }

    #[test]
    fn what_the_next_pass_would_say_is_a_warning() {
        let limits = json!({"limits": {"nvidia.com/gpu": "1"}});
        let main = json!([{"name": "main", "resources": limits, "args": ["--port=9000"]}]);
        let found = warnings(json!({
            "model": {"uri": "hf://org/m"}, "parallelism": {"tensor": 4}, "template": {"containers": main},
            "labels": {"kserve.io/component": "mine"},
        }));
        assert_eq!(
            found,
            [
                "spec.labels[kserve.io/component]: label kserve.io/component=mine would change the selector, \
                 kserve.io/component=workload is kept",
                "spec.template.containers[main].resources: requests 1 nvidia.com/gpu, but the parallelism needs 4 \
                 (tensor 4 × pipeline 1 × data 1): set resources.limits or parallelism so that they agree",
                "spec.template.containers[main].args: \"--port=9000\" replaces the generated \"--port 8000\"",
            ]
        );
    }

    #[test]
    fn adapters_that_cannot_be_loaded_or_share_a_directory_are_said() {
        // E-26
        let lora = |adapters: Value| json!({"model": {"uri": "hf://org/m", "lora": {"adapters": adapters}}});
        let found = warnings(lora(json!([{"name": "a", "uri": "ftp://a"}])));
        assert!(found[0].starts_with("spec.model.lora.adapters[0].uri: \"ftp://a\" of adapter \"a\" can't be loaded"));
        let found = warnings(lora(json!([{"name": "a/b", "uri": "hf://a"}, {"name": "a-b", "uri": "hf://b"}])));
        assert!(found[0].contains("would share the directory /mnt/lora/a-b"), "{found:?}");
    }

    #[test]
    fn a_name_that_is_too_long_for_its_children_is_said() {
        let name = "a".repeat(60);
        let object = service(json!({
            "model": {"uri": "hf://org/m"}, "worker": {"containers": [{"name": "main"}]}, "parallelism": {"pipeline": 2},
        }));
        let found = review(&Request { name: &name, ..create(&object) }, &site()).warnings;
        assert!(found.iter().any(|w| w.starts_with("metadata.name: ") && w.contains("too long")), "{found:?}");
    }

    #[test]
    fn a_service_that_builds_on_configs_is_left_to_the_pass() {
        assert_eq!(warnings(json!({"baseRefs": [{"name": "base"}]})), [""; 0]);
        let config = json!({"ref": {"name": "c", "key": "k"}});
        assert_eq!(warnings(json!({"router": {"scheduler": {"config": config}}})), [""; 0]);
    }
}

mod configs {
    use super::*;

    fn config(name: &str, spec: Value) -> Value {
        let mut config = service(spec);
        config["kind"] = json!("LLMInferenceServiceConfig");
        config["metadata"]["name"] = json!(name);
        config
    }

    fn on<'a>(namespace: &'a str, name: &'a str, operation: Operation, object: &'a Value) -> Request<'a> {
        let (new, old) = if operation == Operation::Delete { (None, Some(object)) } else { (Some(object), None) };
        Request { subject: Subject::Config, operation, namespace, name, object: new, old, ..create(object) }
    }

    #[test]
    fn the_presets_of_this_release_pass_without_a_word() {
        // E-29
        for preset in presets::shipped(OWN_PREFIX) {
            let name = tree::text(&preset, &["metadata", "name"]);
            let verdict = review(&on("kserve", name, Operation::Create, &preset), &site());
            assert_eq!(verdict, Verdict::default(), "{name}");
        }
    }

    #[test]
    fn a_preset_is_kept_from_deletion_only_where_it_is_the_operators() {
        // E-30, E-32
        let name = format!("{OWN_PREFIX}config-llm-template");
        let object = config(&name, json!({}));
        let delete = on("kserve", &name, Operation::Delete, &object);
        assert_eq!(rules(&delete), ["CG6"]);
        assert_eq!(rules(&Request { namespace: "elsewhere", ..delete }), Vec::<&str>::new());
        assert_eq!(rules(&Request { name: "mine", ..delete }), Vec::<&str>::new());
        let controller = "system:serviceaccount:kube-system:namespace-controller";
        assert_eq!(rules(&Request { user: controller, ..delete }), Vec::<&str>::new());
    }

    #[test]
    fn configs_may_be_deleted_where_that_is_allowed() {
        let name = format!("{OWN_PREFIX}config-llm-template");
        let object = config(&name, json!({}));
        let site = Site { prevent_config_deletion: false, ..site() };
        let verdict = review(&on("kserve", &name, Operation::Delete, &object), &site);
        assert_eq!(verdict.problems, []);
        assert_eq!(
            verdict.warnings,
            [format!("deleting well-known config kserve/{name} is not recommended: services are made from it")]
        );
    }

    #[test]
    fn a_preset_that_changes_is_a_warning_also_when_something_is_only_added() {
        // E-30
        let name = format!("{OWN_PREFIX}config-llm-template");
        let (old, new) = (config(&name, json!({"replicas": 1})), config(&name, json!({"replicas": 1, "labels": {}})));
        let request = Request { old: Some(&old), ..on("kserve", &name, Operation::Update, &new) };
        assert_eq!(rules(&request), ["W2"]);
        assert_eq!(rules(&Request { namespace: "elsewhere", ..request }), Vec::<&str>::new());
    }

    #[test]
    fn everything_that_fails_in_a_config_is_said_at_once() {
        let args = json!(["{{ if }}", "{{ .Spec.Nope }}", "{{ .Spec.Prefill.Replicas }}"]);
        let object = config("base", json!({"template": {"containers": [{"name": "main", "args": args}]}}));
        assert_eq!(rules(&on("ns", "base", Operation::Create, &object)), ["CG3", "CG3", "N12"]);
    }

    #[test]
    fn a_branch_that_only_bare_services_take_is_read_too() {
        // E-29
        let text = "{{ if .Spec.Prefill }}a{{ else }}{{ .Spec.Nope }}{{ end }}";
        let object = config("base", json!({"labels": {"a": text}}));
        assert_eq!(rules(&on("ns", "base", Operation::Create, &object)), ["CG3"]);
    }

    #[test]
    fn a_config_that_goes_is_let_go() {
        let mut new = config("base", json!({"baseRefs": [{"name": "a"}]}));
        new["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let old = config("base", json!({}));
        let request = Request { old: Some(&old), ..on("ns", "base", Operation::Update, &new) };
        assert_eq!(rules(&request), Vec::<&str>::new());
    }

    #[test]
    fn the_sample_sets_every_field() {
        let spec = sample::full();
        for field in ["tracing", "scaling", "kvCacheOffloading", "prefill", "router", "worker", "storageInitializer"] {
            assert!(spec[field].as_object().is_some_and(|fields| !fields.is_empty()), "{field}");
        }
        assert_eq!(spec["template"]["containers"][0]["resources"]["limits"], json!({"x": "1Gi"}));
        assert_eq!(spec["model"]["lora"]["adapters"], json!([{}]));
    }
}

mod defaults {
    use super::*;

    fn patches(object: &Value) -> Vec<Value> {
        mutate(&create(object), &site())
    }

    #[test]
    fn the_name_of_the_service_is_that_of_its_model() {
        assert_eq!(
            patches(&service(json!({"model": {"uri": "hf://a"}}))),
            [json!({"op": "add", "path": "/spec/model/name", "value": "llama"})]
        );
        let named = json!([{"op": "add", "path": "/spec/model", "value": {"name": "llama"}}]);
        assert_eq!(json!(patches(&service(json!({})))), named);
        assert_eq!(json!(patches(&service(json!({"model": null})))), named);
        assert_eq!(patches(&service(json!({"model": {"name": "m"}}))), Vec::<Value>::new());
        assert_eq!(patches(&json!({"metadata": {"name": "llama"}})), Vec::<Value>::new());
    }

    #[test]
    fn a_name_that_is_yet_to_be_made_is_not_filled_in() {
        // E-16
        let object = service(json!({"model": {"uri": "hf://a"}}));
        assert_eq!(mutate(&Request { name: "", ..create(&object) }, &site()), Vec::<Value>::new());
    }

    #[test]
    fn the_label_follows_the_group() {
        // E-19
        let group = json!({"model": {"name": "m"}, "router": {"route": {"group": "g", "weight": 1}}});
        let mut object = service(group);
        let path = "/metadata/labels/serving.kserve.io~1routing-group";
        let whole = json!({"serving.kserve.io/routing-group": "g"});
        assert_eq!(patches(&object), [json!({"op": "add", "path": "/metadata/labels", "value": whole})]);
        object["metadata"]["labels"] = json!({"a": "b", "serving.kserve.io/routing-group": "other"});
        assert_eq!(patches(&object), [json!({"op": "add", "path": path, "value": "g"})]);
        object["metadata"]["labels"] = whole;
        assert_eq!(patches(&object), Vec::<Value>::new());
        object["spec"]["router"] = json!({});
        assert_eq!(patches(&object), [json!({"op": "remove", "path": path})]);
    }

    #[test]
    fn null_containers_become_an_empty_list_and_absent_ones_stay_absent() {
        // E-15
        let spec = json!({"model": {"name": "m"}, "template": {"containers": null}, "worker": {"nodeSelector": {}}});
        let patch = json!({"op": "add", "path": "/spec/template/containers", "value": []});
        assert_eq!(patches(&service(spec)), [patch]);
    }

    #[test]
    fn nothing_is_read_and_nobody_else_is_changed() {
        // E-17
        let object = service(json!({}));
        let config = Request { subject: Subject::Config, ..create(&object) };
        assert_eq!(mutate(&config, &site()), Vec::<Value>::new());
        let mut going = service(json!({}));
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(patches(&going), Vec::<Value>::new());
    }
}

mod on_the_wire {
    use super::*;

    fn body(request: Value) -> Value {
        let mut body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"});
        body["request"] = json!({
            "uid": "u-1", "namespace": "ns", "name": "llama", "operation": "CREATE",
            "kind": {"group": "serving.kserve.io", "version": "v1alpha2", "kind": "LLMInferenceService"},
            "userInfo": {"username": "someone"},
        });
        for (key, value) in request.as_object().unwrap() {
            body["request"][key] = value.clone();
        }
        body
    }

    fn parsed(request: Value) -> Review {
        Review::parse(body(request)).unwrap()
    }

    #[test]
    fn a_review_is_read_in_both_versions_and_answered_in_its_own() {
        for version in ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"] {
            let mut body = body(json!({"object": service(json!({}))}));
            body["apiVersion"] = json!(version);
            let answer = Review::parse(body).unwrap().validated(&site());
            let response = answer["response"].clone();
            assert_eq!((answer["apiVersion"].as_str(), answer["kind"].as_str()), (Some(version), Some("AdmissionReview")));
            assert_eq!((response["uid"].as_str(), response["allowed"].as_bool()), (Some("u-1"), Some(true)));
        }
    }

    #[test]
    fn what_is_no_review_of_ours_is_said() {
        let error = |body: Value| Review::parse(body).unwrap_err();
        assert!(matches!(error(json!({})), WireError::NotAReview { .. }));
        let mut other = body(json!({}));
        other["apiVersion"] = json!("admission.k8s.io/v2");
        assert!(error(other).to_string().contains("admission.k8s.io/v2"));
        assert_eq!(error(body(json!({"uid": ""}))), WireError::NoRequest);
        let pod = json!({"kind": {"group": "", "version": "v1", "kind": "Pod"}});
        assert!(error(body(pod)).to_string().contains("/v1 Pod"));
        let newer = json!({"kind": {"group": "serving.kserve.io", "version": "v2", "kind": "LLMInferenceService"}});
        assert!(matches!(error(body(newer)), WireError::Kind(_)));
        assert_eq!(error(body(json!({"operation": "CONNECT"}))), WireError::Operation("CONNECT".to_owned()));
        assert_eq!(error(body(json!({}))), WireError::NoObject("object"));
        let update = json!({"operation": "UPDATE", "object": {}});
        assert_eq!(error(body(update)).to_string(), "request.oldObject is missing");
    }

    #[test]
    fn a_request_is_read_with_the_name_that_the_object_has() {
        let object = service(json!({}));
        let review = parsed(json!({"name": "", "object": object}));
        assert_eq!((review.request().name, review.request().user), ("llama", "someone"));
        let review = parsed(json!({"operation": "DELETE", "object": null, "oldObject": object}));
        assert_eq!((review.request().object, review.request().old), (None, Some(&object)));
    }

    #[test]
    fn field_errors_are_causes_of_an_invalid_object() {
        let object = service(json!({"router": {"scheduler": {"replicas": 0}, "route": {"weight": 1}}}));
        let answer = parsed(json!({"object": object})).validated(&site());
        let (replicas, group) = (
            "Invalid value: 0: scheduler replicas must be greater than zero, not 0",
            "Required value: weight requires group: weight is 1, set a group too",
        );
        let message = format!(
            "LLMInferenceService.serving.kserve.io \"llama\" is invalid: [spec.router.route.group: {group}, \
             spec.router.scheduler.replicas: {replicas}]"
        );
        let causes = json!([
            {"reason": "FieldValueRequired", "message": group, "field": "spec.router.route.group"},
            {"reason": "FieldValueInvalid", "message": replicas, "field": "spec.router.scheduler.replicas"},
        ]);
        let details = json!({"group": "serving.kserve.io", "kind": "LLMInferenceService", "name": "llama", "causes": causes});
        let status = json!({
            "metadata": {}, "status": "Failure", "code": 422, "reason": "Invalid", "message": message, "details": details,
        });
        assert_eq!(answer["response"], json!({"uid": "u-1", "allowed": false, "status": status}));
    }

    #[test]
    fn one_field_error_stands_alone_and_a_plain_one_is_forbidden() {
        let object = service(json!({}));
        let problem = |path: &str| Problem {
            class: Class::Forbidden,
            path: path.to_owned(),
            value: None,
            message: "no".to_owned(),
        };
        let said = |path: &str| {
            let verdict = Verdict { problems: vec![problem(path)], warnings: vec![] };
            let request = Request { subject: Subject::Config, ..create(&object) };
            response("u", &verdict, &request)["status"].clone()
        };
        let field = said("spec.baseRefs");
        let message = "LLMInferenceServiceConfig.serving.kserve.io \"llama\" is invalid: spec.baseRefs: Forbidden: no";
        assert_eq!((field["message"].as_str(), field["code"].as_u64()), (Some(message), Some(422)));
        let plain = said("");
        assert_eq!(
            plain,
            json!({"metadata": {}, "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"})
        );
    }

    #[test]
    fn warnings_are_as_short_as_the_api_server_takes_them() {
        let object = service(json!({}));
        let long = |n: usize| format!("{n}: {}\nend", "ü".repeat(300));
        let verdict = Verdict { problems: vec![], warnings: (0..40).map(long).collect() };
        let answer = response("u", &verdict, &create(&object));
        let warnings: Vec<&str> = answer["warnings"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(warnings.iter().all(|warning| warning.len() <= 256 && !warning.contains('\n')));
        assert!(warnings.iter().map(|warning| warning.len()).sum::<usize>() <= 4096);
        let last = warnings.last().unwrap();
        assert!(last.ends_with("more warnings: `llmisvc validate` prints all"), "{last}");
    }

    #[test]
    fn defaults_are_a_json_patch_and_subresources_nobodys_business() {
        let review = parsed(json!({"object": service(json!({"model": {}}))}));
        let response = review.mutated(&site())["response"].clone();
        let patch = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
        let patch: Value = serde_json::from_slice(&patch).unwrap();
        assert_eq!(patch, json!([{"op": "add", "path": "/spec/model/name", "value": "llama"}]));
        assert_eq!(response["patchType"], "JSONPatch");
        let broken = service(json!({"worker": {}, "model": {}}));
        let review = parsed(json!({"object": broken, "subResource": "status"}));
        let allowed = json!({"uid": "u-1", "allowed": true});
        assert_eq!((&review.validated(&site())["response"], &review.mutated(&site())["response"]), (&allowed, &allowed));
    }
}
