//! The tables of `tests/admission` on a real API server: its schema, its CEL rules, and our rules behind the operator's
//! webhooks. It has a control plane of its own, where no operator makes anything of the hundreds of objects.

mod client;

use anyhow::{Context as _, Result, bail};
use llmisvc_testkit::admission::{Layer, Op, Row, rows};
use llmisvc_testkit::cluster::Variant;
use llmisvc_testkit::operator::Webhooks;
use llmisvc_testkit::{Cluster, World};
use serde_json::{Value, json};

use client::{Answer, Client};

use crate::standby::standby;

/// What the rows are sent to.
struct Bench<'a> {
    world: World<'a>,
    client: Client,
    rows: Vec<Row>,
}

impl<'a> Bench<'a> {
    fn on(cluster: &'a Cluster) -> Result<Self> {
        let own = format!("llmisvc-v{}-", env!("CARGO_PKG_VERSION").replace('.', "-"));
        let rows = rows(&own, "kserve")?.into_iter().filter(|row| !row.stored).collect();
        Ok(Self { world: World::new(cluster)?, client: Client::of(cluster)?, rows })
    }
}

impl Bench<'_> {
    /// The object in the namespace of the test, unless the row says another, under a name of its own.
    fn placed(&self, object: &Value, name: Option<&str>) -> Value {
        let mut object = object.clone();
        if object["metadata"]["namespace"].is_null() {
            object["metadata"]["namespace"] = json!(self.world.namespace());
        }
        if let Some(name) = name {
            object["metadata"]["name"] = json!(name);
        }
        object
    }

    fn send(&self, row: &Row, index: usize) -> Result<Answer> {
        match row.op {
            Op::Create => self.client.create(&self.placed(&row.object, None), true),
            Op::Update => {
                let named = row.base["metadata"]["namespace"].is_null().then(|| format!("llama-{index}"));
                self.client.create(&self.placed(&row.base, named.as_deref()), false)?;
                self.client.update(&self.placed(&row.object, named.as_deref()))
            }
            Op::Delete => {
                let object = self.placed(&row.object, None);
                self.client.create(&object, false)?;
                self.client.delete(&object)
            }
        }
    }
}

/// What is wrong with the answer to a bad row.
fn missed(row: &Row, answer: &Answer) -> Option<String> {
    let refused = row.refused.as_ref()?;
    let by_webhook = answer.message().contains("admission webhook");
    let says = match refused.path.as_str() {
        "" => answer.message().contains(&refused.message),
        path => answer.causes().any(|(field, message)| field == path && message.contains(&refused.message)),
    };
    let fits = says && by_webhook == (refused.by == Layer::Webhook);
    (!fits).then(|| format!("{} {:?}: {refused:?}\n   {} {}", row.label, row.rule, answer.code, answer.body))
}

/// What is wrong with the answer to a good row.
fn changed(row: &Row, answer: &Answer) -> Option<String> {
    let says = |part: &String| answer.warnings.iter().any(|warning| warning.contains(part.as_str()));
    let warned = row.warns.as_ref().is_none_or(says);
    let unchanged = row.op == Op::Delete || answer.body["spec"] == row.object["spec"];
    let fits = answer.code < 300 && unchanged && warned;
    (!fits).then(|| {
        format!("{}: {:?}\n   {} {:?} {}", row.label, row.warns, answer.code, answer.warnings, answer.body)
    })
}

#[test]
fn the_api_server_refuses_every_bad_row_as_stated_and_takes_every_good_one_unchanged() -> Result<()> {
    // E-32: the deletion of a preset is among the rows
    let cluster = Cluster::own("admission", Variant::Small)?;
    let _operator = standby(&cluster, Webhooks::Called, &[])?;
    let bench = Bench::on(&cluster)?;
    let mut wrong = Vec::new();
    let (mut bad, mut good) = (0, 0);
    for (index, row) in bench.rows.iter().enumerate() {
        let answer = bench.send(row, index).with_context(|| row.label.clone())?;
        let difference = if row.refused.is_some() { missed(row, &answer) } else { changed(row, &answer) };
        wrong.extend(difference);
        if row.refused.is_some() { bad += 1 } else { good += 1 }
    }
    if !wrong.is_empty() {
        bail!("{} of {}:\n{}", wrong.len(), bench.rows.len(), wrong.join("\n"));
    }
    assert!(bad >= 150 && good >= 60, "{bad} bad, {good} good");
    Ok(())
}
