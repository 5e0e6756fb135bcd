//! The shape of a service: Go's struct fields, their JSON names, and which lists merge by key.
//!
//! The table is generated from Go structs by `tests/gotemplate/shapes`; merging and templates both walk it, so
//! the two can't disagree about what a field is.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// What a value is, whether held by value or behind a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any string, named string types among them.
    String,
    /// Boolean.
    Bool,
    /// Signed integer.
    Int,
    /// Unsigned integer.
    Uint,
    /// Floating-point number.
    Float,
    /// Kubernetes quantity, such as `10Gi`.
    Quantity,
    /// Number or string.
    IntOrString,
    /// URL, a string in JSON.
    Url,
    /// A document that nobody looks into.
    Raw,
    /// Point in time, RFC 3339 in JSON.
    Time,
    /// Length of time, as in `1m30s`.
    Duration,
    /// Binary data, base64 in JSON.
    Bytes,
    /// List; see [`Shape::list_key`] and [`Shape::element`].
    List,
    /// Map with string keys; see [`Shape::element`].
    Map,
    /// Struct; see [`Shape::field`].
    Struct,
}

/// The shape of one place in the tree.
#[derive(Debug)]
pub struct Shape {
    kind: Kind,
    pointer: bool,
    keys: Vec<String>,
    element: Option<Box<Self>>,
    name: String,
}

/// A field of a Go struct.
#[derive(Debug)]
pub struct Field {
    /// Name in JSON; empty for an embedded struct, whose fields stand beside this one's neighbours.
    pub json: String,
    /// Name in Go.
    pub go: String,
    /// Whether its fields can be reached without naming it.
    pub embedded: bool,
    /// What it holds.
    pub shape: Shape,
}

impl Shape {
    /// What the value is; a pointer is looked through.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether Go holds the value behind a pointer, so that an absent one is nil and not zero.
    pub fn is_pointer(&self) -> bool {
        self.pointer
    }

    /// The field with this JSON name, embedded structs included. None when this is not a struct.
    pub fn field(&self, json: &str) -> Option<&'static Self> {
        self.fields().iter().find_map(|f| match f.json.as_str() {
            "" => f.shape.field(json),
            name => (name == json).then_some(&f.shape),
        })
    }

    /// Names by which the elements of this list are told apart when two lists are merged; empty for a list
    /// that is replaced as a whole.
    pub fn list_key(&self) -> &[String] {
        &self.keys
    }

    /// The elements of this list, or the values of this map.
    pub fn element(&self) -> Option<&Self> {
        self.element.as_deref()
    }

    /// The fields of this struct in Go's order; empty when this is not a struct.
    pub fn fields(&self) -> &'static [Field] {
        TABLE.get(&self.name).map_or(&[], Vec::as_slice)
    }

    /// The way to the field with this Go name: first the fields themselves, then what embedded structs promote,
    /// the shallowest first.
    pub fn go_path(&self, go: &str) -> Option<Vec<&'static Field>> {
        let mut level: Vec<Vec<&'static Field>> = self.fields().iter().map(|f| vec![f]).collect();
        while !level.is_empty() {
            if let Some(path) = level.iter().find(|path| path.last().is_some_and(|f| f.go == go)) {
                return Some(path.clone());
            }
            level = level.iter().flat_map(|path| promoted(path)).collect();
        }
        None
    }

    /// The Go type as Go's own messages have it, such as `*v1alpha2.ParallelismSpec`.
    pub fn go_type(&self) -> String {
        let star = if self.pointer { "*" } else { "" };
        format!("{star}{}", self.base_type())
    }

    /// Whether Go's type has the generated `String` method of the Kubernetes API, which prints nil as `nil`.
    pub fn has_string_method(&self) -> bool {
        ["core/", "meta/", "autoscaling/"].iter().any(|group| self.name.starts_with(group))
    }

    fn base_type(&self) -> String {
        let element = self.element.as_ref().map(|e| e.go_type()).unwrap_or_default();
        match self.kind {
            Kind::List => format!("[]{element}"),
            Kind::Map => format!("map[string]{element}"),
            _ => self.name.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }
}

fn promoted(path: &[&'static Field]) -> Vec<Vec<&'static Field>> {
    let Some(last) = path.last().filter(|f| f.embedded) else { return Vec::new() };
    last.shape.fields().iter().map(|f| path.iter().copied().chain([f]).collect()).collect()
}

/// `LLMInferenceServiceSpec`.
pub fn spec() -> &'static Shape {
    static SPEC: LazyLock<Shape> = LazyLock::new(|| parse("v1alpha2.LLMInferenceServiceSpec"));
    &SPEC
}

/// What a template's dot is at the start: the service, and the global settings beside it.
pub fn root() -> &'static Shape {
    static ROOT: LazyLock<Shape> = LazyLock::new(|| parse("*v1alpha2.Root"));
    &ROOT
}

#[derive(Deserialize)]
struct Row(String, String, String);

static TABLE: LazyLock<BTreeMap<String, Vec<Field>>> = LazyLock::new(|| {
    let text = include_str!("shape/shapes.json");
    let rows: BTreeMap<String, Vec<Row>> = serde_json::from_str(text).expect("the table is generated JSON");
    rows.into_iter().map(|(name, rows)| (name, rows.into_iter().map(field).collect())).collect()
});

fn field(Row(json, go, text): Row) -> Field {
    let embedded = go.starts_with('+');
    Field { json, go: go.trim_start_matches('+').to_owned(), embedded, shape: parse(&text) }
}

/// Reads `*T`, `[keys]T`, `{}T`, a scalar's name or a struct's.
fn parse(text: &str) -> Shape {
    let (pointer, rest) = text.strip_prefix('*').map_or((false, text), |rest| (true, rest));
    let (kind, keys, element) = if let Some(element) = rest.strip_prefix("{}") {
        (Kind::Map, Vec::new(), Some(element))
    } else if let Some((keys, element)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
        (Kind::List, list_keys(keys, element), Some(element))
    } else {
        (scalar(rest), Vec::new(), None)
    };
    let name = if element.is_some() { String::new() } else { rest.to_owned() };
    Shape { kind, pointer, keys, element: element.map(|e| Box::new(parse(e))), name }
}

/// Go's tags key container ports by number alone, so that TCP and UDP on one port collapse
/// (`reference/workloads.md §18.1`, edge C-9): the protocol is added here.
fn list_keys(keys: &str, element: &str) -> Vec<String> {
    let keys = if element == "core/v1.ContainerPort" { "containerPort,protocol" } else { keys };
    keys.split(',').filter(|k| !k.is_empty()).map(str::to_owned).collect()
}

fn scalar(name: &str) -> Kind {
    match name {
        "string" => Kind::String,
        "bool" => Kind::Bool,
        "int" => Kind::Int,
        "uint" => Kind::Uint,
        "float" => Kind::Float,
        "quantity" => Kind::Quantity,
        "intstr" => Kind::IntOrString,
        "url" => Kind::Url,
        "raw" => Kind::Raw,
        "time" => Kind::Time,
        "duration" => Kind::Duration,
        "bytes" => Kind::Bytes,
        _ => Kind::Struct,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> &'static Shape {
        path.split('.').fold(spec(), |shape, json| {
            let shape = shape.field(json).unwrap_or_else(|| panic!("{path}: no {json}"));
            shape.element().filter(|_| !path.ends_with(json)).unwrap_or(shape)
        })
    }

    #[test]
    fn every_struct_that_is_named_is_in_the_table() {
        for field in TABLE.values().flatten() {
            let mut shape = &field.shape;
            while let Some(element) = shape.element() {
                shape = element;
            }
            assert!(shape.kind() != Kind::Struct || TABLE.contains_key(&shape.name), "{}", shape.name);
        }
    }

    #[rstest::rstest]
    #[case("template.containers", &["name"])]
    #[case("template.initContainers", &["name"])]
    #[case("worker.ephemeralContainers", &["name"])]
    #[case("template.volumes", &["name"])]
    #[case("template.resourceClaims", &["name"])]
    #[case("template.imagePullSecrets", &["name"])]
    #[case("template.hostAliases", &["ip"])]
    #[case("template.topologySpreadConstraints", &["topologyKey"])]
    #[case("template.schedulingGates", &["name"])]
    #[case("template.tolerations", &[])]
    #[case("template.readinessGates", &[])]
    #[case("prefill.template.containers.env", &["name"])]
    #[case("template.containers.ports", &["containerPort", "protocol"])] // C-9
    #[case("template.containers.volumeMounts", &["mountPath"])]
    #[case("template.containers.volumeDevices", &["devicePath"])]
    #[case("template.containers.args", &[])]
    #[case("template.containers.command", &[])]
    #[case("template.containers.envFrom", &[])]
    #[case("template.containers.resizePolicy", &[])]
    #[case("template.containers.resources.claims", &[])]
    #[case("model.lora.adapters", &[])]
    #[case("kvCacheOffloading.secondary", &[])]
    #[case("router.gateway.refs", &[])]
    #[case("router.route.http.refs", &[])]
    #[case("router.ingress.refs", &[])]
    #[case("router.route.http.spec.parentRefs", &[])]
    #[case("router.route.http.spec.hostnames", &[])]
    #[case("router.route.http.spec.rules", &[])]
    #[case("router.route.http.spec.rules.matches", &[])]
    #[case("router.scheduler.pool.spec.targetPorts", &[])]
    #[case("scaling.keda.triggers", &[])]
    #[case("baseRefs", &[])]
    fn lists_merge_by_the_keys_of_the_reference(#[case] path: &str, #[case] keys: &[&str]) {
        assert_eq!(at(path).kind(), Kind::List);
        assert_eq!(at(path).list_key(), keys);
    }

    #[test]
    fn embedded_fields_stand_beside_their_neighbours() {
        assert_eq!(at("replicas").kind(), Kind::Int);
        assert!(at("replicas").is_pointer());
        assert_eq!(at("template.volumes.emptyDir.sizeLimit").kind(), Kind::Quantity);
        assert_eq!(at("router.scheduler.config.inline").kind(), Kind::Raw);
        assert!(spec().field("nothing").is_none());
    }

    #[test]
    fn promoted_fields_are_found_under_their_go_names() {
        let path = |go: &str| {
            let path = root().go_path(go).unwrap_or_default();
            path.iter().map(|f| f.json.as_str()).filter(|j| !j.is_empty()).collect::<Vec<_>>().join(".")
        };
        assert_eq!(path("Name"), "metadata.name");
        assert_eq!(path("Spec"), "spec");
        assert_eq!(path("ObjectMeta"), "metadata");
        assert_eq!(path("Parallelism"), "parallelism");
        assert!(root().go_path("name").is_none());
    }

    #[test]
    fn types_are_named_as_go_names_them() {
        assert_eq!(at("parallelism").go_type(), "*v1alpha2.ParallelismSpec");
        assert_eq!(at("template.containers").go_type(), "[]v1.Container");
        assert_eq!(at("labels").go_type(), "map[string]string");
    }
}
