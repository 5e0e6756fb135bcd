//! What cannot be converted, and why.

use serde_json::{Value, json};

use super::*;

fn refused(spec: &Value) -> String {
    let graph = json!({"kind": KIND, "metadata": {"name": "g"}, "spec": spec});
    convert(&[graph]).expect_err("there is nothing to serve").to_string()
}

fn worker(args: &Value) -> Value {
    let main = json!({"command": ["python3", "-m", "dynamo.vllm"], "args": args});
    json!({"services": {"W": {"componentType": "worker", "extraPodSpec": {"mainContainer": main}}}})
}

#[test]
fn other_engines_are_refused() {
    let said = "DynamoGraphDeployment/g.spec.backendFramework: sglang: only vllm can be converted";
    assert_eq!(refused(&json!({"backendFramework": "sglang"})), said);
    let main = json!({"command": ["python3", "-m", "dynamo.trtllm"]});
    let services = json!({"W": {"componentType": "worker", "extraPodSpec": {"mainContainer": main}}});
    let said =
        "DynamoGraphDeployment/g.spec.services.W: it runs dynamo.trtllm, and only vLLM can be converted";
    assert_eq!(refused(&json!({"services": services})), said);
}

#[test]
fn without_a_worker_or_its_model_there_is_no_service() {
    let said = "DynamoGraphDeployment/g.spec: no component decodes: give one of type worker";
    assert_eq!(refused(&json!({"services": {"F": {"componentType": "frontend"}}})), said);
    let said = "DynamoGraphDeployment/g.spec.services.W: there is no --model: give it";
    assert_eq!(refused(&worker(&json!([]))), said);
    let said = "DynamoGraphDeployment/g.spec.services.W: --model /models is on no claim that the pod mounts: name a model of the Hugging Face Hub, or mount one";
    assert_eq!(refused(&worker(&json!(["--model", "/models"]))), said);
}

#[test]
fn without_a_graph_there_is_nothing() {
    let said = convert(&[json!({"kind": "DynamoModel"})]).expect_err("there is nothing").to_string();
    assert_eq!(said, "DynamoGraphDeployment: there is none in the input");
}

#[test]
fn a_prefill_of_another_model_is_told() {
    let mut spec = worker(&json!(["--model", "a/b"]));
    let main = json!({"command": ["python3", "-m", "dynamo.vllm"], "args": ["--model", "c/d", "--is-prefill-worker"]});
    spec["services"]["P"] = json!({"componentType": "worker", "extraPodSpec": {"mainContainer": main}});
    let graph = json!({"kind": KIND, "metadata": {"name": "g"}, "spec": spec});
    let lost = convert(&[graph]).expect("it is a graph").lost;
    let said = Loss::new(
        "DynamoGraphDeployment/g.spec.services.P",
        "a service has one prefill workload, and it serves the same model",
    );
    assert_eq!(lost, [said]);
}
