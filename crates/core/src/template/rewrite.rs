//! Bridges the engine's plain values and Go's typed ones: the parsed tree is rewritten so that fields, truth,
//! printing and arguments go through [`super::funcs`]. What Go's parser refuses and the engine's accepts is
//! refused here.

use gotmpl::parse::{
    ActionNode, BranchNode, CommandNode, Expr, ListNode, Node, PipeNode, Pos, SmolStr, TemplateNode, TextNode,
};

use super::error::Failure;
use super::funcs::{DEREF, GET, KNOWN, NORM, PLAIN, PRINT, ZERO};
use super::newline::Newlines;

type Outcome<T> = Result<T, Failure>;

/// Rewrites the trees of one template.
pub(super) struct Rewriter<'a> {
    newlines: &'a Newlines,
    variables: Vec<SmolStr>,
    ranges: usize,
}

impl<'a> Rewriter<'a> {
    pub fn new(newlines: &'a Newlines) -> Self {
        Self { newlines, variables: vec!["$".into()], ranges: 0 }
    }

    pub fn list(&mut self, list: &ListNode) -> Outcome<ListNode> {
        let nodes = list.nodes.iter().map(|n| self.node(n)).collect::<Outcome<_>>()?;
        Ok(ListNode { pos: list.pos, nodes })
    }

    fn node(&mut self, node: &Node) -> Outcome<Node> {
        Ok(match node {
            Node::List(list) => Node::List(self.list(list)?),
            Node::Text(text) => {
                Node::Text(TextNode { pos: text.pos, text: self.newlines.decode(&text.text).into() })
            }
            Node::Action(action) => Node::Action(self.action(action)?),
            Node::If(branch) => Node::If(self.branch(branch, NORM)?),
            Node::With(branch) => Node::With(self.branch(branch, NORM)?),
            Node::Range(branch) => Node::Range(self.range(branch)?),
            Node::Template(call) => Node::Template(self.call(call)?),
            Node::Break(_) if self.ranges == 0 => return Err(Failure::parse("{{break}} outside {{range}}")),
            Node::Continue(_) if self.ranges == 0 => {
                return Err(Failure::parse("{{continue}} outside {{range}}"));
            }
            other => other.clone(),
        })
    }

    fn action(&mut self, action: &ActionNode) -> Outcome<ActionNode> {
        let mut pipe = self.pipe(&action.pipe)?;
        if pipe.decl.is_empty() {
            pipe.commands.push(command(pipe.pos, PRINT, vec![]));
        }
        Ok(ActionNode { pos: action.pos, pipe })
    }

    fn range(&mut self, branch: &BranchNode) -> Outcome<BranchNode> {
        self.ranges += 1;
        let branch = self.branch(branch, DEREF);
        self.ranges -= 1;
        branch
    }

    /// Variables that the pipeline or a body declares are gone after it.
    fn branch(&mut self, branch: &BranchNode, last: &'static str) -> Outcome<BranchNode> {
        let outer = self.variables.len();
        let mut pipe = self.pipe(&branch.pipe)?;
        pipe.commands.push(command(pipe.pos, last, vec![]));
        let declared = self.variables.len();
        let body = self.list(&branch.body)?;
        self.variables.truncate(declared);
        let else_body = branch.else_body.as_ref().map(|b| self.list(b)).transpose()?;
        self.variables.truncate(outer);
        Ok(BranchNode { pos: branch.pos, pipe, body, else_body })
    }

    fn call(&mut self, call: &TemplateNode) -> Outcome<TemplateNode> {
        let pipe = call.pipe.as_ref().map(|p| self.pipe(p)).transpose()?;
        Ok(TemplateNode { pos: call.pos, name: call.name.clone(), pipe })
    }

    fn pipe(&mut self, pipe: &PipeNode) -> Outcome<PipeNode> {
        let mut commands = Vec::new();
        for (stage, old) in pipe.commands.iter().enumerate() {
            let called = function(old)?;
            let called = called.as_deref();
            if stage > 0 && !is_executable(old) {
                return Err(Failure::parse(format!(
                    "non executable command in pipeline stage {}",
                    stage + 1
                )));
            }
            if let (true, Some(bridge)) = (stage > 0, called.and_then(|f| bridge(f, old))) {
                commands.push(command(old.pos, bridge, vec![]));
            }
            commands.push(self.command(old, called)?);
            if called == Some("index") {
                commands.push(command(old.pos, ZERO, vec![]));
            }
        }
        self.declare(pipe)?;
        Ok(PipeNode { pos: pipe.pos, decl: pipe.decl.clone(), commands, is_assign: pipe.is_assign })
    }

    fn declare(&mut self, pipe: &PipeNode) -> Outcome<()> {
        for name in &pipe.decl {
            if pipe.is_assign {
                self.known_variable(name)?;
            } else {
                self.variables.push(name.clone());
            }
        }
        Ok(())
    }

    fn known_variable(&self, name: &SmolStr) -> Outcome<()> {
        let known = self.variables.contains(name);
        if known { Ok(()) } else { Err(Failure::parse(format!("undefined variable {name:?}"))) }
    }

    fn command(&mut self, old: &CommandNode, function: Option<&str>) -> Outcome<CommandNode> {
        let bridge = function.and_then(|f| bridge(f, old));
        let mut args = Vec::with_capacity(old.args.len());
        for (index, arg) in old.args.iter().enumerate() {
            let arg = self.expr(arg)?;
            args.push(match bridge {
                Some(bridge) if index > 0 => through(bridge, arg),
                None if index == 1 && function == Some("slice") => through(DEREF, arg),
                _ => arg,
            });
        }
        Ok(CommandNode { pos: old.pos, args })
    }

    fn expr(&mut self, expr: &Expr) -> Outcome<Expr> {
        Ok(match expr {
            Expr::Field(pos, fields) => get(*pos, Expr::Dot(*pos), fields),
            Expr::Variable(pos, name, fields) => {
                self.known_variable(name)?;
                let variable = Expr::Variable(*pos, name.clone(), vec![]);
                if fields.is_empty() { variable } else { get(*pos, variable, fields) }
            }
            Expr::Chain(_, inner, _) if matches!(**inner, Expr::Identifier(..)) => {
                return Err(Failure::parse("unexpected <.> after function name"));
            }
            Expr::Chain(pos, inner, fields) => get(*pos, self.expr(inner)?, fields),
            Expr::Pipe(pos, pipe) => Expr::Pipe(*pos, self.pipe(pipe)?),
            Expr::Identifier(_, name) => {
                known_function(name)?;
                expr.clone()
            }
            Expr::String(pos, text) => Expr::String(*pos, self.newlines.decode(text).into()),
            other => other.clone(),
        })
    }
}

/// The function that a command calls, if it calls one.
fn function(command: &CommandNode) -> Outcome<Option<SmolStr>> {
    match command.args.first() {
        Some(Expr::Identifier(_, name)) => known_function(name).map(|()| Some(name.clone())),
        _ => Ok(None),
    }
}

fn is_executable(command: &CommandNode) -> bool {
    use Expr::{Bool, Dot, Nil, Number, String};
    !matches!(command.args.first(), Some(Bool(..) | Dot(..) | Nil(..) | Number(..) | String(..)))
}

fn known_function(name: &str) -> Outcome<()> {
    let known = KNOWN.contains(&name) || name == "call";
    if known { Ok(()) } else { Err(Failure::parse(format!("function {name:?} not defined"))) }
}

/// What each argument of a function goes through first.
fn bridge(function: &str, command: &CommandNode) -> Option<&'static str> {
    match function {
        "and" | "or" | "not" => Some(NORM),
        "eq" | "ne" if command.args.iter().any(|a| matches!(a, Expr::Nil(_))) => Some(NORM),
        "html" | "js" | "urlquery" => Some(PRINT),
        "print" | "println" | "printf" | "ChildName" => Some(PLAIN),
        "len" => Some(DEREF),
        _ => None,
    }
}

fn get(pos: Pos, base: Expr, fields: &[SmolStr]) -> Expr {
    let names = fields.iter().map(|f| Expr::String(pos, f.as_str().into()));
    let args = std::iter::once(base).chain(names).collect();
    pipe_of(pos, command(pos, GET, args))
}

fn through(bridge: &'static str, arg: Expr) -> Expr {
    let pos = arg.pos();
    pipe_of(pos, command(pos, bridge, vec![arg]))
}

fn pipe_of(pos: Pos, command: CommandNode) -> Expr {
    Expr::Pipe(pos, PipeNode { pos, decl: vec![], commands: vec![command], is_assign: false })
}

fn command(pos: Pos, function: &'static str, args: Vec<Expr>) -> CommandNode {
    let function = Expr::Identifier(pos, SmolStr::new_static(function));
    CommandNode { pos, args: std::iter::once(function).chain(args).collect() }
}
