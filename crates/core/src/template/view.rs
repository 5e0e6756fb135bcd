//! The data that templates see: JSON looked at through the shapes of Go's structs.
//!
//! The engine knows plain values only. What Go would hold as a pointer or a struct is a function value here, a
//! *handle*: always true, opaque to the engine, and asked by [`ask`]. Nothing is built before it is looked at.

use std::sync::Arc;

use gotmpl::{Result, TemplateError, Value};
use serde_json::Value as Json;

use super::error::{nil_pointer, no_field};
use super::{quantity, scalar};
use crate::shape::{Field, Kind, Shape};

/// A place in the data.
#[derive(Clone)]
pub(super) struct Item {
    root: Arc<Json>,
    at: String,
    shape: &'static Shape,
}

/// What a handle is asked.
#[derive(Clone, Copy)]
pub(super) enum Ask<'a> {
    /// A field or method.
    Field(&'a str),
    /// The value behind a pointer; text for a struct.
    Plain,
    /// The scalar, list or map behind a pointer, nil when there is none.
    Deref,
    /// What printing it gives.
    Text,
    /// Whether it is a nil pointer.
    IsNil,
    /// Its JSON as text.
    Json,
}

impl Item {
    pub fn new(root: Arc<Json>, shape: &'static Shape) -> Self {
        Self { root, at: String::new(), shape }
    }

    /// The value that the engine works with.
    pub fn view(self) -> Value {
        if self.shape.is_pointer() || !self.is_plain() {
            return Value::Function(Arc::new(move |args: &[Value]| self.answer(args)));
        }
        self.plain()
    }

    fn is_plain(&self) -> bool {
        use Kind::{Bool, Bytes, Float, Int, List, Map, String, Uint};
        matches!(self.shape.kind(), String | Bool | Int | Uint | Float | List | Map | Bytes)
    }

    fn json(&self) -> Option<&Json> {
        self.root.pointer(&self.at).filter(|json| !json.is_null())
    }

    fn is_nil(&self) -> bool {
        self.shape.is_pointer() && self.json().is_none()
    }

    fn child(&self, step: &str, shape: &'static Shape) -> Self {
        let step = step.replace('~', "~0").replace('/', "~1");
        Self { root: Arc::clone(&self.root), at: format!("{}/{step}", self.at), shape }
    }

    fn below(&self, field: &'static Field) -> Self {
        match field.json.as_str() {
            "" => Self { shape: &field.shape, ..self.clone() },
            json => self.child(json, &field.shape),
        }
    }

    /// The value without its pointer; zero when it is not set.
    fn plain(&self) -> Value {
        let json = self.json().unwrap_or(&Json::Null);
        match self.shape.kind() {
            Kind::List => Value::List(self.elements().collect()),
            Kind::Map => Value::Map(Arc::new(self.entries().collect())),
            Kind::String | Kind::Bytes => Value::String(json.as_str().unwrap_or_default().into()),
            Kind::Bool => scalar::boolean(json),
            Kind::Int | Kind::Uint => scalar::integer(json),
            Kind::Float => Value::Float(json.as_f64().unwrap_or_default()),
            _ => Value::String(self.text().into()),
        }
    }

    /// What `print` gets: Go marks a struct behind a pointer.
    fn behind(&self) -> Value {
        match self.shape.kind() {
            Kind::Struct if self.shape.is_pointer() => Value::String(format!("&{}", self.text()).into()),
            _ => self.plain(),
        }
    }

    fn elements(&self) -> impl Iterator<Item = Value> {
        let count = self.json().and_then(Json::as_array).map_or(0, Vec::len);
        let shape = self.shape.element();
        shape
            .into_iter()
            .flat_map(move |shape| (0..count).map(move |i| (i, shape)))
            .map(|(i, shape)| self.child(&i.to_string(), shape).view())
    }

    fn entries(&self) -> impl Iterator<Item = (Arc<str>, Value)> {
        let keys = self.json().and_then(Json::as_object).into_iter().flat_map(|map| map.keys());
        keys.filter_map(|key| Some((Arc::from(key.as_str()), self.child(key, self.shape.element()?).view())))
    }

    fn text(&self) -> String {
        let json = self.json().unwrap_or(&Json::Null);
        match self.shape.kind() {
            Kind::Url => scalar::url_text(&scalar::string(json)),
            _ if self.is_nil() => if self.shape.has_string_method() { "nil" } else { "<nil>" }.to_owned(),
            Kind::Quantity => quantity::canonical(&scalar::string(json)),
            Kind::IntOrString => scalar::int_or_string(json),
            Kind::Time => scalar::time(json),
            Kind::Duration => scalar::string(json),
            Kind::Raw => json.to_string(),
            Kind::Struct => {
                let fields = self.shape.fields().iter().map(|f| text(&self.below(f).view()));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(" "))
            }
            _ => text(&self.plain()),
        }
    }

    fn field(&self, name: &str) -> Result<Value> {
        if let Some(method) = self.method(name) {
            return Ok(method);
        }
        let go_type = self.shape.go_type();
        let Some(path) = self.shape.go_path(name).or_else(|| self.getter(name)) else {
            let opaque_nil = self.is_nil() && self.shape.kind() != Kind::Struct;
            return Err(if opaque_nil { nil_pointer(&go_type, name) } else { no_field(&go_type, name) });
        };
        let mut item = self.clone();
        for field in path {
            if item.is_nil() {
                return Err(nil_pointer(&item.shape.go_type(), name));
            }
            item = item.below(field);
        }
        Ok(item.view())
    }

    /// `GetName` and its like, which object metadata has for each of its fields.
    fn getter(&self, name: &str) -> Option<Vec<&'static Field>> {
        let path = self.shape.go_path(name.strip_prefix("Get")?)?;
        let of_metadata = |f: &&'static Field| f.go == "ObjectMeta";
        (self.at == "/metadata" || path.iter().rev().nth(1).is_some_and(of_metadata)).then_some(path)
    }

    fn method(&self, name: &str) -> Option<Value> {
        let json = self.json().unwrap_or(&Json::Null);
        match self.shape.kind() {
            Kind::Url if self.is_nil() => (name == "String").then(|| Value::String("".into())),
            Kind::Quantity | Kind::IntOrString if self.is_nil() => None,
            Kind::Url => scalar::url_part(&scalar::string(json), name),
            Kind::Quantity => quantity::method(&scalar::string(json), name),
            Kind::IntOrString => scalar::int_or_string_part(json, name),
            Kind::Struct if self.shape.go_type().ends_with("v1alpha2.ParallelismSpec") => {
                self.parallelism(json, name)
            }
            _ => None,
        }
    }

    /// Methods of `ParallelismSpec` (`reference/api.md §8.2`).
    fn parallelism(&self, json: &Json, name: &str) -> Option<Value> {
        let number = |field: &str| json.get(field).and_then(Json::as_i64);
        let (data, local, pipeline) = (number("data"), number("dataLocal"), number("pipeline"));
        let is_data = data.is_some() || local.is_some();
        match name {
            "IsDataParallel" => Some(Value::Bool(is_data)),
            "IsPipelineParallel" => Some(Value::Bool(pipeline.is_some())),
            "GetSize" => {
                let groups = data.unwrap_or(1).max(1) / local.unwrap_or(1).max(1);
                let size = if is_data { Some(groups.max(1)) } else { pipeline };
                let shape = self.shape.field("pipeline")?;
                Some(Self::new(Arc::new(Json::from(size)), shape).view())
            }
            _ => None,
        }
    }

    fn answer(&self, args: &[Value]) -> Result<Value> {
        match Ask::decode(args) {
            Some(Ask::Field(name)) => self.field(name),
            Some(Ask::Plain) if self.is_nil() && self.shape.kind() != Kind::Url => Ok(Value::Nil),
            Some(Ask::Plain) => Ok(self.behind()),
            Some(Ask::Deref) if self.is_plain() && !self.is_nil() => Ok(self.plain()),
            Some(Ask::Deref) => Ok(Value::Nil),
            Some(Ask::Text) => Ok(Value::String(self.text().into())),
            Some(Ask::IsNil) => Ok(Value::Bool(self.is_nil())),
            Some(Ask::Json) => {
                Ok(Value::String(self.json().map_or_else(|| "null".into(), Json::to_string).into()))
            }
            None => Err(TemplateError::Exec(format!("non-function of type {}", self.shape.go_type()))),
        }
    }
}

impl<'a> Ask<'a> {
    /// As arguments of a handle.
    fn encode(self) -> [Value; 2] {
        let (question, name) = match self {
            Self::Field(name) => (0, name),
            Self::Plain => (1, ""),
            Self::Deref => (2, ""),
            Self::Text => (3, ""),
            Self::IsNil => (4, ""),
            Self::Json => (5, ""),
        };
        [Value::Int(question), Value::String(name.into())]
    }

    fn decode(args: &'a [Value]) -> Option<Self> {
        let [Value::Int(question), Value::String(name)] = args else { return None };
        match question {
            0 => Some(Self::Field(name)),
            1 => Some(Self::Plain),
            2 => Some(Self::Deref),
            3 => Some(Self::Text),
            4 => Some(Self::IsNil),
            5 => Some(Self::Json),
            _ => None,
        }
    }
}

/// Asks a handle; None when the value is not one.
pub(super) fn ask(value: &Value, ask: Ask<'_>) -> Option<Result<Value>> {
    match value {
        Value::Function(handle) => Some(handle(&ask.encode())),
        _ => None,
    }
}

/// What printing the value gives.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Function(_) => match ask(value, Ask::Text) {
            Some(Ok(Value::String(text))) => text.to_string(),
            _ => String::new(),
        },
        Value::List(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(" ")),
        Value::Map(map) => {
            let entries = map.iter().map(|(k, v)| format!("{k}:{}", text(v)));
            format!("map[{}]", entries.collect::<Vec<_>>().join(" "))
        }
        Value::Float(number) => scalar::float(*number),
        plain => plain.to_string(),
    }
}
