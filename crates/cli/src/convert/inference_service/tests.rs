//! What cannot be converted, and why.

use serde_json::{Value, json};

use super::*;

fn refused(predictor: &Value) -> String {
    let service = json!({"kind": KIND, "metadata": {"name": "s"}, "spec": {"predictor": predictor}});
    convert(&[service]).expect_err("there is nothing to serve").to_string()
}

#[test]
fn other_formats_are_refused() {
    let model = json!({"model": {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://a/b"}});
    let said = "InferenceService/s.spec.predictor.model.modelFormat.name: sklearn: vLLM does not serve this format, only vLLM and huggingface can be converted";
    assert_eq!(refused(&model), said);
    let old = json!({"triton": {"storageUri": "s3://a/b"}});
    assert_eq!(refused(&old), "InferenceService/s.spec.predictor.triton: vLLM does not serve this format");
}

#[test]
fn without_a_model_there_is_no_service() {
    let said = "InferenceService/s.spec.predictor.model: there is no model: set storageUri, or --model_id to a model of the Hugging Face Hub";
    assert_eq!(refused(&json!({"model": {"modelFormat": {"name": "vLLM"}}})), said);
    let storage = json!({"model": {"modelFormat": {"name": "vLLM"}, "storage": {"key": "k", "path": "p"}}});
    let said = "InferenceService/s.spec.predictor.model.storage.parameters.bucket: the bucket stands in the Secret: write it here";
    assert_eq!(refused(&storage), said);
    let variable =
        json!({"model": {"modelFormat": {"name": "huggingface"}, "args": ["--model_id=$(MODEL)"]}});
    let said =
        "InferenceService/s.spec.predictor.model: hf://$(MODEL) has a variable in it: write the model's name";
    assert_eq!(refused(&variable), said);
}

#[test]
fn without_an_inference_service_there_is_nothing() {
    let runtime = json!({"kind": "ServingRuntime", "metadata": {"name": "r"}});
    let said = convert(&[runtime]).expect_err("there is nothing").to_string();
    assert_eq!(said, "InferenceService: there is none in the input: give it together with its runtime");
}

#[test]
fn the_old_way_to_name_hugging_face_works() {
    let service = json!({"kind": KIND, "metadata": {"name": "s"}, "spec": {"predictor": {"huggingface": {
        "storageUri": "hf://a/b", "resources": {"limits": {"nvidia.com/gpu": "1"}}}}}});
    let converted = convert(&[service]).expect("it is a model");
    let model = converted.objects.first().and_then(|object| object.pointer("/spec/model")).cloned();
    assert_eq!(model, Some(json!({"uri": "hf://a/b", "name": "s"})));
}

/// A group of a built-in runtime: `workerSpec` says nothing or how many nodes there are.
fn group(worker: &Value) -> (Option<Value>, Vec<String>) {
    let model = json!({"modelFormat": {"name": "huggingface"}, "runtime": "kserve-huggingfaceserver-multinode",
        "storageUri": "pvc://a/b", "resources": {"limits": {"nvidia.com/gpu": "1"}}});
    let predictor = json!({"model": model, "workerSpec": worker});
    let service = json!({"kind": KIND, "metadata": {"name": "s"}, "spec": {"predictor": predictor}});
    let converted = convert(&[service]).expect("it is a model");
    let worker = converted.objects.first().and_then(|object| object.pointer("/spec/worker")).cloned();
    (worker, converted.lost.into_iter().map(|loss| loss.path).collect())
}

#[test]
fn a_group_has_a_size() {
    assert_eq!(group(&json!({"pipelineParallelSize": 2})), (Some(json!({})), vec![]));
    assert_eq!(group(&json!({})), (None, vec!["InferenceService/s.spec.predictor.workerSpec".to_owned()]));
}
