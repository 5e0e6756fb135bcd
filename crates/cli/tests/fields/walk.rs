//! Every leaf of a spec, from the table of shapes that merging and templates use.

use std::fmt;

use llmisvc_core::shape::{Kind, Shape, spec};

/// One step from a value to one inside it.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Field of a struct.
    Field(&'static str, &'static Shape),
    /// Element of a list of structs.
    Item(&'static Shape),
}

/// A place where a spec holds a value that is no struct: a scalar, a map, or a list of scalars.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The way from the spec.
    pub steps: Vec<Step>,
    /// What stands there.
    pub shape: &'static Shape,
}

impl fmt::Display for Leaf {
    /// `spec.template.containers[].env[].name`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spec")?;
        self.steps.iter().try_for_each(|step| match step {
            Step::Field(name, _) => write!(f, ".{name}"),
            Step::Item(_) => write!(f, "[]"),
        })
    }
}

/// Every leaf, in the order of the table.
pub fn leaves() -> Vec<Leaf> {
    let mut found = Vec::new();
    fields(spec(), &mut Vec::new(), &mut found);
    found
}

fn fields(of: &'static Shape, steps: &mut Vec<Step>, found: &mut Vec<Leaf>) {
    for field in of.fields() {
        if field.json.is_empty() {
            fields(&field.shape, steps, found);
        } else {
            steps.push(Step::Field(&field.json, &field.shape));
            value(&field.shape, steps, found);
            steps.pop();
        }
    }
}

fn value(shape: &'static Shape, steps: &mut Vec<Step>, found: &mut Vec<Leaf>) {
    let is_struct = |shape: &Shape| shape.kind() == Kind::Struct && !shape.fields().is_empty();
    // No pod template can have them, so their members, which are a container's, are not looked at one by one.
    let whole = matches!(steps.last(), Some(Step::Field("ephemeralContainers", _)));
    let element =
        shape.element().filter(|element| shape.kind() == Kind::List && is_struct(element) && !whole);
    if is_struct(shape) && !is_repeated(shape, steps) {
        fields(shape, steps, found);
    } else if let Some(element) = element {
        steps.push(Step::Item(shape));
        fields(element, steps, found);
        steps.pop();
    } else {
        found.push(Leaf { steps: steps.clone(), shape });
    }
}

/// An adapter has the fields of a model, adapters among them: they end there.
fn is_repeated(shape: &Shape, steps: &[Step]) -> bool {
    let [above @ .., _] = steps else { return false };
    let same = |step: &Step| matches!(step, Step::Field(_, other) if other.go_type() == shape.go_type());
    above.iter().any(same)
}
