//! Older spellings of the chart's values (`reference/llm-d.md §3.1`).

use llmisvc_core::tree;
use serde_json::{Value, json};

use crate::convert::keys::put;

/// Values of v0.2 and v0.3 in the words of v0.4. What v0.2 says about the endpoint picker stays where it is.
pub fn newest(mut values: Value) -> Value {
    let Some(dra) = values.get("dra").cloned() else { return values };
    if dra.get("enabled") == Some(&Value::Bool(true)) {
        claims(&mut values, &dra);
        values.as_object_mut().map(|map| map.remove("dra"));
    }
    values
}

/// The block `dra` of v0.3 replaces `accelerator`, and names one of its templates in `type`.
fn claims(values: &mut Value, dra: &Value) {
    let kind = tree::text(dra, &["type"]);
    put(values, &["accelerator", "dra"], json!(true));
    put(values, &["accelerator", "type"], json!(kind));
    for template in tree::list(dra, &["claimTemplates"]) {
        let name = tree::text(template, &["name"]);
        put(values, &["accelerator", "resourceClaimTemplates", name], template.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_v0_3_is_an_accelerator() {
        let template = json!({"name": "intel-xe", "class": "gpu.intel.com", "match": "exactly", "count": 1});
        let old = json!({"dra": {"enabled": true, "type": "intel-xe", "claimTemplates": [template]}});
        let new = json!({"accelerator": {"dra": true, "type": "intel-xe", "resourceClaimTemplates": {"intel-xe": template}}});
        assert_eq!(newest(old), new);
    }
}
