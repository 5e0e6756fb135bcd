//! One leaf: parsed, rewritten and kept, then executed over the data.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use gotmpl::parse::{Expr, ListNode, Node};
use gotmpl::{MissingKey, Template, TemplateError, Value};

use super::error::Failure;
use super::funcs;
use super::newline::Newlines;
use super::rewrite::Rewriter;

/// Name of a leaf's template, as in the peer's messages.
const NAME: &str = "config";
/// Stands behind a leaf while it is parsed, see [`parse`].
const END: &str = "end of leaf";
/// Turns of `range` in one leaf.
const MAX_TURNS: u64 = 100_000;
/// Distinct leaves that are kept compiled.
const KEPT: usize = 4096;

type Compiled = Result<Arc<Template>, Failure>;

static CACHE: LazyLock<Mutex<BTreeMap<String, Compiled>>> = LazyLock::new(Mutex::default);

/// Renders a leaf; its text is compiled once per process.
pub(super) fn execute(text: &str, data: &Value) -> Result<String, Failure> {
    let template = compiled(text)?;
    template.execute_template_to_string(NAME, data).map_err(|e| Failure::exec(&e))
}

/// Whether a leaf is a template at all.
pub(super) fn check(text: &str) -> Result<(), Failure> {
    compiled(text).map(drop)
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
    let parsed = parse(&newlines.encode_with_end(text))
        .map_err(|(column, message)| Failure::parse(newlines.escape(&located(text, column, &message))))?;
    let mut template = funcs::register(Template::new(NAME)).missing_key(MissingKey::Error);
    template = template.max_range_iters(MAX_TURNS);
    for name in parsed.templates() {
        let Some(tree) = parsed.lookup(name) else { continue };
        let tree = if name == NAME { without_end(tree) } else { tree.clone() };
        template = template.add_parse_tree(name, Rewriter::new(&newlines).list(&tree)?);
    }
    Ok(template)
}

/// The engine's parser lets a missing or a surplus `{{end}}` pass. So an action is put behind the leaf: it ends up
/// last on the top level only where both balance.
///
/// An error has the column where it was found.
fn parse(text: &str) -> Result<Template, (usize, String)> {
    let source = format!("{text}{{{{\"{END}\"}}}}");
    let parsed = Template::new(NAME).parse(&source).map_err(|e| match e {
        TemplateError::Parse { col, message, .. } | TemplateError::Lex { col, message, .. } => (col, message),
        other => (0, other.to_string()),
    })?;
    match parsed.lookup(NAME).and_then(|tree| tree.nodes.last()) {
        Some(Node::Action(action)) if is_end(action.pipe.commands.first().and_then(|c| c.args.first())) => {
            Ok(parsed)
        }
        _ => Err((0, "`if`, `with`, `range` or `define` and `end` do not match".to_owned())),
    }
}

/// The message with the line of a text that has several; the engine sees a leaf as one line.
fn located(text: &str, column: usize, message: &str) -> String {
    let before = text.chars().take(column.saturating_sub(1));
    let line = before.filter(|c| *c == '\n').count() + 1;
    let several = column > 0 && text.contains('\n');
    if several { format!("line {line}: {message}") } else { message.to_owned() }
}

fn is_end(expr: Option<&Expr>) -> bool {
    matches!(expr, Some(Expr::String(_, text)) if &**text == END)
}

fn without_end(tree: &ListNode) -> ListNode {
    let kept = tree.nodes.len().saturating_sub(1);
    ListNode { pos: tree.pos, nodes: tree.nodes.iter().take(kept).cloned().collect() }
}
