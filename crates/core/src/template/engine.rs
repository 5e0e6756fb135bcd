//! One leaf: parsed, rewritten and kept, then executed over the data.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use gotmpl::parse::{Expr, ListNode, Node};
use gotmpl::{MissingKey, Template, Value};

use super::error::Failure;
use super::funcs;
use super::newline::Newlines;
use super::rewrite::Rewriter;

/// Name of a leaf's template, as in the peer's messages.
const NAME: &str = "config";
/// Stands behind a leaf while it is parsed, see [`parse`].
const END: &str = "end of leaf";
/// Distinct leaves that are kept compiled.
const KEPT: usize = 4096;

type Compiled = Result<Arc<Template>, Failure>;

static CACHE: LazyLock<Mutex<BTreeMap<String, Compiled>>> = LazyLock::new(Mutex::default);

/// Renders a leaf; its text is compiled once per process.
pub(super) fn execute(text: &str, data: &Value) -> Result<String, Failure> {
    let template = compiled(text)?;
    template.execute_template_to_string(NAME, data).map_err(|e| Failure::exec(&e))
}

fn compiled(text: &str) -> Compiled {
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = cache.get(text) {
        return known.clone();
    }
    if cache.len() >= KEPT {
        cache.clear();
    }
    let fresh = compile(text).map(Arc::new);
    cache.insert(text.to_owned(), fresh.clone());
    fresh
}

fn compile(text: &str) -> Result<Template, Failure> {
    let newlines = Newlines::of(text);
    let parsed =
        parse(&newlines.encode_with_end(text)).map_err(|f| Failure::parse(newlines.escape(&f.message)))?;
    let mut template = funcs::register(Template::new(NAME)).missing_key(MissingKey::Error);
    for name in parsed.templates() {
        let Some(tree) = parsed.lookup(name) else { continue };
        let tree = if name == NAME { without_end(tree) } else { tree.clone() };
        template = template.add_parse_tree(name, Rewriter::new(&newlines).list(&tree)?);
    }
    Ok(template)
}

/// The engine's parser lets a missing or a surplus `{{end}}` pass. So an action is put behind the leaf: it ends up
/// last on the top level only where both balance.
fn parse(text: &str) -> Result<Template, Failure> {
    let source = format!("{text}{{{{\"{END}\"}}}}");
    let parsed = Template::new(NAME).parse(&source).map_err(|e| Failure::parse(e.to_string()))?;
    match parsed.lookup(NAME).and_then(|tree| tree.nodes.last()) {
        Some(Node::Action(action)) if is_end(action.pipe.commands.first().and_then(|c| c.args.first())) => {
            Ok(parsed)
        }
        _ => Err(Failure::parse("`if`, `with`, `range` or `define` and `end` do not match")),
    }
}

fn is_end(expr: Option<&Expr>) -> bool {
    matches!(expr, Some(Expr::String(_, text)) if &**text == END)
}

fn without_end(tree: &ListNode) -> ListNode {
    let kept = tree.nodes.len().saturating_sub(1);
    ListNode { pos: tree.pos, nodes: tree.nodes.iter().take(kept).cloned().collect() }
}
