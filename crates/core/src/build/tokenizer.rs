//! Deployment and Service of the tokenizer (`reference/workloads.md §8.9`).

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::{argv, resources, storage, tls};
use crate::labels::{self, Component};
use crate::object::Object;
use crate::valid::{Tokenizer, ValidService};
use crate::{names, tree};

/// The command of our preset; any other one is left alone.
const PRESET_COMMAND: [&str; 4] = ["vllm", "launch", "render", "/mnt/models/base"];
const PORT: i64 = 8000;

/// Where the endpoint picker reaches it.
pub fn url(svc: &ValidService) -> String {
    let scheme = if svc.tls { "https" } else { "http" };
    let name = names::tokenizer(&svc.id.name);
    format!("{scheme}://{name}.{}.svc.{}:{PORT}", svc.id.namespace, svc.domain)
}

/// Deployment and Service.
pub fn objects(svc: &ValidService, tokenizer: &Tokenizer) -> [Object; 2] {
    let labels = labels::base(&svc.id.name, Component::Tokenizer);
    let name = names::tokenizer(&svc.id.name);
    let port = json!({"name": "render-http", "port": PORT, "targetPort": "render-http", "protocol": "TCP"});
    let service = json!({"spec": {"selector": labels, "ports": [port]}});
    let deployment = json!({"spec": {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod(svc, tokenizer)},
    }});
    [
        Object::new(Kind::Service, &svc.id.namespace, &name, labels.clone(), service),
        Object::new(Kind::Deployment, &svc.id.namespace, &name, labels, deployment),
    ]
}

fn pod(svc: &ValidService, tokenizer: &Tokenizer) -> Value {
    let mut pod = tokenizer.pod.clone();
    if let Some(main) = tree::named_mut(tree::array(&mut pod, "containers"), "main")
        && argv::words(main, "command") == PRESET_COMMAND
    {
        let user = argv::words(main, "args");
        let mut flags = vec![vec!["--port".to_owned(), PORT.to_string()]];
        if svc.tls {
            flags.extend(argv::tls());
        }
        let generated = argv::without(flags, &user).concat();
        *tree::entry(main, "args") = json!([generated, user].concat());
    }
    storage::attach(&mut pod, &tokenizer.weights);
    if svc.tls && !tokenizer.shares_pair {
        tls::mount_own(&mut pod, &svc.id.name, &names::tokenizer_tls_secret(&svc.id.name));
    }
    resources::balance(&mut pod);
    pod
}
