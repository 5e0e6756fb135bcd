//! The event that announces a restart of model servers.

use llmisvc_core::labels::ROLE;
use llmisvc_core::object::Object;
use llmisvc_core::tree;
use llmisvc_core::workloads::templates;
use llmisvc_kinds::Kind;

use crate::context::Context;
use crate::gather::Subject;
use crate::report;

/// The API server takes no longer message.
const LIMIT: usize = 1024;

/// Says which fields restart the model servers: weights load for minutes, and whoever changed them should know.
pub async fn rolls(ctx: &Context, subject: &Subject, rolls: &[(&'static str, Vec<String>)]) {
    if rolls.is_empty() {
        return;
    }
    let message = told(rolls);
    let event = ("Normal", "ModelServersRestart", message.as_str());
    report::tell(ctx, &subject.place, &subject.service, event).await;
}

/// The role of a workload's pods; none for what is no workload of model servers.
pub fn role_of(object: &Object) -> Option<&'static str> {
    if !matches!(object.kind, Kind::Deployment | Kind::LeaderWorkerSet) {
        return None;
    }
    let template = templates(&object.body).next()?;
    match tree::text(template, &["metadata", "labels", ROLE]) {
        "prefill" => Some("prefill"),
        "decode" => Some("decode"),
        "both" => Some("main"),
        _ => None,
    }
}

fn told(rolls: &[(&str, Vec<String>)]) -> String {
    let parts = rolls.iter().map(|(role, paths)| format!("{role}: {}", paths.join(", ")));
    let message = format!("Model servers restart because of {}", parts.collect::<Vec<_>>().join("; "));
    if message.len() <= LIMIT {
        return message;
    }
    let cut = message.floor_char_boundary(LIMIT - " …".len());
    format!("{} …", message.get(..cut).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_the_fields_of_each_role() {
        let rolls = [
            ("prefill", vec!["containers[main].image".to_owned()]),
            ("decode", vec!["containers[main].args".to_owned(), "containers[main].image".to_owned()]),
        ];
        let expected = "Model servers restart because of prefill: containers[main].image; \
                        decode: containers[main].args, containers[main].image";
        assert_eq!(told(&rolls), expected);
    }

    #[test]
    fn a_message_is_cut_where_the_server_would_refuse_it() {
        let long = told(&[("main", vec!["containers[main].env[ä].value".to_owned(); 100])]);
        assert!(long.len() <= LIMIT && long.ends_with(" …"), "{long}");
    }
}
