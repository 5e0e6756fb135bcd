use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn yaml(text: &str) -> Value {
    serde_yaml_ng::from_str(text).unwrap()
}

fn needs(minor: u32) -> Needs {
    Needs { version: Version(0, minor), ..Needs::default() }
}

/// A picker of this version with a tokenizer.
fn tokenizing(minor: u32) -> Needs {
    Needs { tokenizer: Some("http://tok:8000".to_owned()), ..needs(minor) }
}

#[rstest]
#[case::before(
    6,
    "plugins: [{type: prefill-header-handler}, {type: pd-profile-handler}]",
    "plugins: [{type: prefill-header-handler}, {type: pd-profile-handler}]"
)]
#[case::handlers(
    7,
    "
    plugins:
    - {type: prefill-header-handler}
    - {type: pd-profile-handler, name: mine}
    schedulingProfiles: [{name: a, plugins: [{pluginRef: prefill-header-handler}, {pluginRef: mine}]}]",
    "
    plugins:
    - {type: disagg-headers-handler}
    - {type: disagg-profile-handler, name: mine}
    schedulingProfiles: [{name: a, plugins: [{pluginRef: disagg-headers-handler}, {pluginRef: mine}]}]"
)]
#[case::name_like_the_type(
    7,
    "plugins: [{type: pd-profile-handler, name: pd-profile-handler}]",
    "plugins: [{type: disagg-profile-handler, name: disagg-profile-handler}]"
)]
#[case::decider_by_name(
    7,
    "plugins: [{type: d, name: mine}, {type: pd-profile-handler, parameters: {deciderPluginName: mine, threshold: 5, hashBlockSize: 5}}]",
    "plugins: [{type: d, name: mine}, {type: disagg-profile-handler, parameters: {deciders: {prefill: mine}}}]"
)]
#[case::no_threshold(
    7,
    "plugins: [{type: decode-filter}, {type: pd-profile-handler, parameters: {threshold: 0, hashBlockSize: 5}}]",
    "plugins: [{type: decode-filter}, {type: always-disagg-pd-decider}, {type: disagg-profile-handler, parameters: {deciders: {prefill: always-disagg-pd-decider}}}]"
)]
#[case::threshold_in_tokens(
    7,
    "plugins: [{type: pd-profile-handler, parameters: {threshold: 10}}]",
    "plugins: [{type: prefix-based-pd-decider, parameters: {nonCachedTokens: 3}}, {type: disagg-profile-handler, parameters: {deciders: {prefill: prefix-based-pd-decider}}}]"
)]
#[case::small_threshold(
    7,
    "plugins: [{type: pd-profile-handler, parameters: {threshold: 0.5}}]",
    "plugins: [{type: prefix-based-pd-decider, parameters: {nonCachedTokens: 1}}, {type: disagg-profile-handler, parameters: {deciders: {prefill: prefix-based-pd-decider}}}]"
)]
#[case::decider_that_is_there(
    7,
    "plugins: [{type: pd-profile-handler, parameters: {threshold: 0}}, {type: always-disagg-pd-decider, name: always}]",
    "plugins: [{type: disagg-profile-handler, parameters: {deciders: {prefill: always}}}, {type: always-disagg-pd-decider, name: always}]"
)]
#[case::deciders_stay(
    7,
    "plugins: [{type: disagg-profile-handler, parameters: {deciders: {prefill: x}, threshold: 3}}]",
    "plugins: [{type: disagg-profile-handler, parameters: {deciders: {prefill: x}, threshold: 3}}]"
)]
#[case::handler_without_parameters(
    7,
    "plugins: [{type: pd-profile-handler}]",
    "plugins: [{type: disagg-profile-handler}]"
)]
#[case::hash_block_size_of_all(
    7,
    "plugins: [{type: queue-scorer, parameters: {hashBlockSize: 5}}, {type: x, parameters: {hashBlockSize: 5, a: 1}}]",
    "plugins: [{type: queue-scorer}, {type: x, parameters: {a: 1}}]"
)]
#[case::extractor(
    8,
    "
    plugins: [{type: model-server-protocol-metrics}]
    dataLayer: {sources: [{pluginRef: s, extractors: [{pluginRef: model-server-protocol-metrics}]}]}",
    "
    plugins: [{type: core-metrics-extractor}]
    dataLayer: {sources: [{pluginRef: s, extractors: [{pluginRef: core-metrics-extractor}]}]}"
)]
#[case::group(9, "apiVersion: inference.networking.x-k8s.io/v1alpha1", "apiVersion: llm-d.ai/v1alpha1")]
#[case::group_of_an_older_picker(
    8,
    "apiVersion: inference.networking.x-k8s.io/v1alpha1",
    "apiVersion: inference.networking.x-k8s.io/v1alpha1"
)]
#[case::newer_group(10, "apiVersion: llm-d.ai/v1", "apiVersion: llm-d.ai/v1")]
#[case::prefix_scorer(
    9,
    "plugins: [{type: prefix-cache-scorer, parameters: {hashBlockSize: 5, blockSize: 64, lruCapacityPerServer: 100}}]",
    "
    plugins:
    - {type: approx-prefix-cache-producer, name: approx-prefix-cache-producer, parameters: {blockSizeTokens: 64, lruCapacityPerServer: 100}}
    - {type: prefix-cache-scorer, parameters: {prefixMatchInfoProducerName: approx-prefix-cache-producer}}"
)]
#[case::two_prefix_scorers(
    9,
    "plugins: [{type: prefix-cache-scorer, name: gpu}, {type: prefix-cache-scorer, name: cpu, parameters: {autoTune: false}}]",
    "
    plugins:
    - {type: prefix-cache-scorer, name: gpu}
    - {type: approx-prefix-cache-producer, name: cpu-producer, parameters: {autoTune: false}}
    - {type: prefix-cache-scorer, name: cpu, parameters: {prefixMatchInfoProducerName: cpu-producer}}"
)]
#[case::scorer_with_its_producer(
    9,
    "plugins: [{type: prefix-cache-scorer, parameters: {prefixMatchInfoProducerName: p, autoTune: true}}]",
    "plugins: [{type: prefix-cache-scorer, parameters: {prefixMatchInfoProducerName: p}}]"
)]
#[case::producer_that_is_there(
    9,
    "plugins: [{type: approx-prefix-cache-producer}, {type: prefix-cache-scorer, parameters: {autoTune: true}}]",
    "plugins: [{type: approx-prefix-cache-producer}, {type: prefix-cache-scorer}]"
)]
#[case::empty_parameters_stay(
    9,
    "plugins: [{type: prefix-cache-scorer, parameters: {}}]",
    "plugins: [{type: prefix-cache-scorer, parameters: {}}]"
)]
#[case::precise_without_a_tokenizer(
    9,
    "plugins: [{type: precise-prefix-cache-scorer}]",
    "plugins: [{type: precise-prefix-cache-scorer}]"
)]
fn a_configuration_follows_the_version_of_its_picker(
    #[case] minor: u32,
    #[case] given: &str,
    #[case] expected: &str,
) {
    let once = migrated(yaml(given), &needs(minor));
    assert_eq!(once, yaml(expected));
    assert_eq!(migrated(once.clone(), &needs(minor)), once, "twice is once");
}

#[test]
fn the_precise_scorer_becomes_three_plugins() {
    let given = yaml(
        "
        plugins:
        - {type: prefix-cache-scorer}
        - {type: decode-filter}
        - type: precise-prefix-cache-scorer
          parameters:
            indexerConfig:
              tokenProcessorConfig: {blockSize: 64}
              tokenizersPoolConfig: {modelName: x}
            kvEventsConfig: {topicFilter: kv@}
        - {type: queue-scorer}
        schedulingProfiles:
        - name: default
          plugins:
          - {pluginRef: decode-filter}
          - {pluginRef: precise-prefix-cache-scorer, weight: 3}
          - {pluginRef: prefix-cache-scorer, weight: 1}
          - {pluginRef: queue-scorer, weight: 2}",
    );
    let expected = yaml(
        "
        plugins:
        - {type: decode-filter}
        - {type: token-producer, parameters: {modelName: /mnt/models/base, vllm: {url: 'http://tok:8000'}}}
        - type: precise-prefix-cache-producer
          parameters:
            tokenProcessorConfig: {blockSize: 64}
            kvEventsConfig: {topicFilter: kv@}
        - {type: prefix-cache-scorer, parameters: {prefixMatchInfoProducerName: precise-prefix-cache-producer}}
        - {type: queue-scorer}
        schedulingProfiles:
        - name: default
          plugins:
          - {pluginRef: decode-filter}
          - {pluginRef: prefix-cache-scorer, weight: 3}
          - {pluginRef: queue-scorer, weight: 2}",
    );
    let once = migrated(given.clone(), &tokenizing(9));
    assert_eq!(once, expected);
    assert_eq!(migrated(once.clone(), &tokenizing(10)), once);
    assert_eq!(migrated(given.clone(), &tokenizing(8)), given, "an older picker has the scorer");
}

#[rstest]
#[case::bare(
    "{type: token-producer}",
    "{type: token-producer, parameters: {modelName: /mnt/models/base, vllm: {url: 'http://tok:8000'}}}"
)]
#[case::own_model(
    "{type: token-producer, parameters: {modelName: m}}",
    "{type: token-producer, parameters: {modelName: m, vllm: {url: 'http://tok:8000'}}}"
)]
#[case::complete(
    "{type: token-producer, parameters: {modelName: m, vllm: {url: u}}}",
    "{type: token-producer, parameters: {modelName: m, vllm: {url: u}}}"
)]
fn a_producer_of_tokens_knows_the_tokenizer(#[case] given: &str, #[case] expected: &str) {
    let document = |plugin: &str| json!({"plugins": [yaml(plugin)]});
    assert_eq!(migrated(document(given), &tokenizing(10)), document(expected));
}

#[test]
fn a_tokenizer_beside_the_picker_is_reached_through_its_socket() {
    let needs = |minor| Needs { sidecar: true, ..needs(minor) };
    let given = yaml(
        "
        plugins:
        - {type: precise-prefix-cache-scorer, parameters: {indexerConfig: {tokenProcessorConfig: {blockSize: 64}}}}
        - {type: prefix-cache-scorer, parameters: {blockSize: 16}}",
    );
    let expected = yaml(
        "
        plugins:
        - type: precise-prefix-cache-scorer
          parameters:
            indexerConfig:
              tokenProcessorConfig: {blockSize: 64}
              tokenizersPoolConfig: {modelName: base, uds: {socketFile: /tmp/tokenizer/tokenizer-uds.socket}}
            tokenProcessorConfig: {blockSize: 64}
        - {type: prefix-cache-scorer, parameters: {blockSize: 16, blockSizeTokens: 16}}",
    );
    assert_eq!(migrated(given.clone(), &needs(8)), expected);
    assert_eq!(
        tree::list(&migrated(given, &needs(9)), &["plugins"])[0]
            .get("parameters")
            .unwrap()
            .get("tokenProcessorConfig"),
        None
    );
}

#[rstest]
#[case::before(8, "plugins: []", true)]
#[case::nobody_talks_to_it(9, "plugins: [{type: token-producer}]", false)]
#[case::the_scorer_does(9, "plugins: [{type: precise-prefix-cache-scorer}]", true)]
fn a_tokenizer_beside_the_picker_goes_with_its_scorer(
    #[case] minor: u32,
    #[case] text: &str,
    #[case] stays: bool,
) {
    let mut pod = json!({"containers": [{"name": "main"}, {"name": "tokenizer"}]});
    drop_tokenizer(&mut pod, &yaml(text), &Needs { sidecar: true, ..needs(minor) });
    assert_eq!(pod["containers"].as_array().unwrap().len() == 2, stays);
}

#[rstest]
#[case::list("[]")]
#[case::no_yaml("a: [")]
#[case::other_kind("kind: Other")]
#[case::other_group("{apiVersion: example.com/v1, kind: EndpointPickerConfig}")]
fn documents_of_others_are_left_alone(#[case] text: &str) {
    assert_eq!(readable(text), None);
}

#[test]
// G-49
fn flags_count_wherever_they_stand_and_the_pickers_own_win() {
    let mut pod = json!({"containers": [
        {"name": "proxy", "command": ["/proxy", "--lora-info-metric=a", "--v=1"], "args": ["--cache-info-metric", "c"]},
        {"name": "main", "command": ["/app/epp", "-lora-info-metric", "b"]},
        {"name": "last", "args": ["--lora-info-metric=z", "--kv-cache-usage-percentage-metric=k", "--model-server-metrics-path=/m"]},
    ]});
    let before = pod.clone();
    let needs = take(&mut pod, Version(0, 7));
    assert_eq!(
        Value::Object(needs.engine.clone()),
        json!({"loraSpec": "b", "cacheInfoSpec": "c", "kvUsageSpec": "k"})
    );
    assert!(needs.metrics.is_empty(), "0.7 still has these flags");
    assert_eq!(
        pod,
        json!({"containers": [
            {"name": "proxy", "command": ["/proxy", "--v=1"], "args": []},
            {"name": "main", "command": ["/app/epp"]},
            {"name": "last", "args": ["--model-server-metrics-path=/m"]},
        ]})
    );
    let document = migrated(json!({"plugins": []}), &needs);
    let engine = json!({"name": "vllm", "loraSpec": "b", "cacheInfoSpec": "c", "kvUsageSpec": "k"});
    let parameters = json!({
        "engineLabelKey": "inference.networking.k8s.io/engine-type", "defaultEngine": "vllm", "engineConfigs": [engine],
    });
    let plugin = |name: &str| json!({"plugins": [{"name": name, "type": name, "parameters": parameters}]});
    assert_eq!(document, plugin("model-server-protocol-metrics"));
    let newer = Needs { version: Version(0, 8), ..needs };
    assert_eq!(migrated(json!({"plugins": []}), &newer), plugin("core-metrics-extractor"));
    let own = json!({"plugins": [{"type": "core-metrics-extractor"}]});
    assert_eq!(migrated(own.clone(), &newer), own);
    let mut older = before.clone();
    take(&mut older, Version(0, 6));
    assert_eq!(older, before);
}

#[rstest]
#[case::none("plugins: []", "plugins: [{type: metrics-data-source, parameters: {scheme: https}}]")]
#[case::bare(
    "plugins: [{type: metrics-data-source}]",
    "plugins: [{type: metrics-data-source, parameters: {scheme: https}}]"
)]
#[case::own(
    "plugins: [{type: metrics-data-source, parameters: {scheme: http, path: /m}}]",
    "plugins: [{type: metrics-data-source, parameters: {scheme: http, path: /m}}]"
)]
fn metrics_are_read_as_servers_serve_them(#[case] given: &str, #[case] expected: &str) {
    let mut needs = needs(10);
    needs.metrics.insert("scheme".to_owned(), json!("https"));
    assert_eq!(migrated(yaml(given), &needs), yaml(expected));
}
