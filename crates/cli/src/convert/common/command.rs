//! What a container runs: which program, with which words.

use std::sync::LazyLock;

use llmisvc_core::build::expansion;
use regex::Regex;

use super::args::Args;

/// The programs whose command lines are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Whatever the image starts: no command is given.
    Image,
    /// vLLM's server.
    Vllm,
    /// KServe's server for Hugging Face models.
    HuggingFace,
    /// Dynamo's component of this name: `vllm`, `frontend`, `planner`.
    Dynamo,
    /// Another one.
    Other,
}

/// A command line, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What runs.
    pub program: Program,
    /// Its words.
    pub args: Args,
    /// Whether a script does something else before or after it.
    pub has_more: bool,
}

const SHELLS: [&str; 3] = ["sh", "bash", "dash"];
/// Where a shell's next command or redirection begins.
const OPERATORS: [&str; 9] = ["|", "||", "&", "&&", ";", ">", ">>", "2>&1", "<"];

/// Takes `command` and `args` of a container apart.
pub fn parse(command: &[String], args: &[String]) -> Command {
    let words = [command, args].concat();
    match script(&words) {
        Some(script) => of_script(script).unwrap_or_else(|| other(words.clone())),
        None if command.is_empty() => launched(&words).unwrap_or(Command {
            program: Program::Image,
            args: Args::new(words),
            has_more: false,
        }),
        None => launched(&words).unwrap_or_else(|| other(words)),
    }
}

fn other(words: Vec<String>) -> Command {
    Command { program: Program::Other, args: Args::new(words), has_more: false }
}

/// The text that a shell runs.
fn script(words: &[String]) -> Option<&str> {
    let shell = base(words.first()?);
    let at = words.iter().position(|word| word.starts_with('-') && word.ends_with('c'))?;
    words.get(at + 1).map(String::as_str).filter(|_| SHELLS.contains(&shell))
}

/// The first server that a script starts. A line that goes on behind a backslash is one.
fn of_script(script: &str) -> Option<Command> {
    let words = expansion::split(&script.replace("\\\n", " ").replace('\n', " ; "))?;
    let words: Vec<String> = words.iter().flat_map(|word| operators(word)).collect();
    let start = (0..words.len()).find(|at| launched(words.get(*at..).unwrap_or_default()).is_some())?;
    let is_operator = |word: &String| OPERATORS.contains(&word.as_str());
    let length = words.iter().skip(start).position(is_operator).unwrap_or(words.len() - start);
    let mut command = launched(words.get(start..start + length)?)?;
    let mut around = words.iter().take(start).chain(words.iter().skip(start + length));
    command.has_more = around.any(|word| word != "exec" && word != ";");
    command.args = Args::new(command.args.words().iter().map(|word| reference(word)).collect());
    Some(command)
}

static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))").expect("it is a pattern"));

/// A variable of a shell as Kubernetes expands it.
fn reference(word: &str) -> String {
    VARIABLE.replace_all(word, "$$($1$2)").into_owned()
}

/// A `;` may stand right behind a word.
fn operators(word: &str) -> Vec<String> {
    match word.strip_suffix(';') {
        Some(before) if !before.is_empty() => vec![before.to_owned(), ";".to_owned()],
        _ => vec![word.to_owned()],
    }
}

/// The program that the words begin with, if it is known.
fn launched(words: &[String]) -> Option<Command> {
    let mut words = words.iter();
    let program = match (base(words.next()?), words.next()?.as_str()) {
        ("vllm", "serve") => Program::Vllm,
        (python, "-m") if python.starts_with("python") => module(words.next()?)?,
        _ => return None,
    };
    Some(Command { program, args: Args::new(words.cloned().collect()), has_more: false })
}

fn module(name: &str) -> Option<Program> {
    match name {
        "vllm.entrypoints.openai.api_server" => Some(Program::Vllm),
        "huggingfaceserver" => Some(Program::HuggingFace),
        name if name.starts_with("dynamo.") => Some(Program::Dynamo),
        _ => None,
    }
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &[&str]) -> Vec<String> {
        text.iter().map(|word| (*word).to_owned()).collect()
    }

    fn parsed(command: &[&str], args: &[&str]) -> (Program, String, bool) {
        let command = parse(&words(command), &words(args));
        (command.program, command.args.words().join(" "), command.has_more)
    }

    #[test]
    fn programs_are_told_by_their_first_words() {
        let cases: [(&[&str], &[&str], Program, &str); 6] = [
            (&[], &["--a"], Program::Image, "--a"),
            (&["vllm", "serve"], &["m", "--a"], Program::Vllm, "m --a"),
            (
                &["/usr/bin/python3", "-m", "vllm.entrypoints.openai.api_server"],
                &["--a"],
                Program::Vllm,
                "--a",
            ),
            (&["python", "-m", "huggingfaceserver"], &["--a"], Program::HuggingFace, "--a"),
            (&[], &["python3", "-m", "dynamo.vllm", "--a"], Program::Dynamo, "--a"),
            (&["./serve.sh"], &["--a"], Program::Other, "./serve.sh --a"),
        ];
        for (command, args, program, rest) in cases {
            assert_eq!(parsed(command, args), (program, rest.to_owned(), false));
        }
    }

    #[test]
    fn a_script_is_split_and_what_stands_around_is_told() {
        let plain = parsed(&["/bin/sh", "-c"], &["exec python3 -m dynamo.vllm \\\n --model 'a b'"]);
        assert_eq!(plain, (Program::Dynamo, "--model a b".to_owned(), false));
        let around = parsed(&["bash", "-lc", "ulimit -l unlimited; vllm serve m 2>&1 | tee log"], &[]);
        assert_eq!(around, (Program::Vllm, "m".to_owned(), true));
    }

    #[test]
    fn variables_of_a_shell_become_references() {
        let words = parsed(&["sh", "-c", "vllm serve ${MODEL} --a=$A_B $(C)"], &[]).1;
        assert_eq!(words, "$(MODEL) --a=$(A_B) $(C)");
    }

    #[test]
    fn a_script_of_something_else_stays() {
        assert_eq!(parsed(&["sh", "-c", "sleep 1"], &[]).0, Program::Other);
        assert_eq!(parsed(&["sh", "-c", "echo 'a"], &[]).0, Program::Other);
    }
}
