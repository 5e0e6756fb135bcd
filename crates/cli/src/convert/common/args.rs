//! The words of a command line, from which flags are taken one by one.

use llmisvc_core::build::argv;

/// Words after the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Args {
    words: Vec<String>,
}

impl Args {
    /// These words.
    pub fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    /// Removes a flag, however it is spelled, and gives its values; none when the flag is not there. The last one
    /// counts when it is there twice.
    pub fn take_all(&mut self, name: &str) -> Option<Vec<String>> {
        let mut found = None;
        while let Some(at) = self.find(name) {
            let end = self.end(at);
            let taken: Vec<String> = self.words.drain(at..end).collect();
            found = Some(values(&taken));
        }
        found
    }

    /// The same for a flag with one value.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.take_all(name)?.into_iter().next()
    }

    /// The same for a flag whose value must be a number; any other, such as a reference to a variable, stays.
    pub fn take_number(&mut self, name: &str) -> Option<i64> {
        let number = argv::value_of(&self.words, name)?.parse().ok()?;
        self.take_all(name);
        Some(number)
    }

    /// Takes a switch that has no value, so that the next word stays; whether it is on, if it is there.
    pub fn take_switch(&mut self, name: &str) -> Option<bool> {
        let mut on = None;
        while let Some(at) = self.find(name) {
            let word = self.words.remove(at);
            on = Some(!word.starts_with("--no-") && !word.ends_with("=false"));
        }
        on
    }

    /// Gives a flag another name.
    pub fn rename(&mut self, from: &str, to: &str) {
        while let Some(at) = self.find(from) {
            let Some(word) = self.words.get_mut(at) else { return };
            let value = word.split_once('=').map(|(_, value)| format!("={value}")).unwrap_or_default();
            *word = format!("--{to}{value}");
        }
    }

    /// Words that belong to no flag, at the beginning.
    pub fn take_leading(&mut self) -> Vec<String> {
        let end = self.words.iter().position(|word| word.starts_with('-')).unwrap_or(self.words.len());
        self.words.drain(..end).collect()
    }

    /// These words, and after them those of `over`; a flag that both give is that of `over`.
    #[must_use]
    pub fn under(mut self, over: &Self) -> Self {
        for name in over.words.iter().filter_map(|word| argv::flag(word)) {
            self.take_all(&name);
        }
        self.words.extend(over.words.iter().cloned());
        self
    }

    /// The flags, in their one spelling.
    pub fn flags(&self) -> Vec<String> {
        self.words.iter().filter_map(|word| argv::flag(word)).collect()
    }

    /// What is left.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.words.iter().position(|word| argv::flag(word).as_deref() == Some(name))
    }

    /// Where the values of the flag at `at` end.
    fn end(&self, at: usize) -> usize {
        let is_value = |word: &&String| !word.starts_with("--") && argv::flag(word).is_none();
        let has_own = self.words.get(at).is_some_and(|word| word.contains('='));
        let after = self.words.iter().skip(at + 1).take_while(is_value).count();
        at + 1 + if has_own { 0 } else { after }
    }
}

fn values(words: &[String]) -> Vec<String> {
    let own = words.first().and_then(|word| word.split_once('=')).map(|(_, value)| value.to_owned());
    own.into_iter().chain(words.iter().skip(1).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Args {
        Args::new(text.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn a_flag_is_taken_in_every_spelling() {
        let mut args = args("--port=1 --a b --model_name x y -tp 2 --trust-remote-code z --port 2");
        assert_eq!(args.take("port").as_deref(), Some("2"));
        assert_eq!(args.take_all("model-name"), Some(vec!["x".to_owned(), "y".to_owned()]));
        assert_eq!(args.take_number("tensor-parallel-size"), Some(2));
        assert_eq!(args.take_switch("trust-remote-code"), Some(true));
        assert_eq!(args.words(), ["--a", "b", "z"]);
    }

    #[test]
    fn what_is_no_number_stays() {
        let mut args = args("--tensor-parallel-size=$(TP)");
        assert_eq!(args.take_number("tensor-parallel-size"), None);
        assert_eq!(args.words(), ["--tensor-parallel-size=$(TP)"]);
    }

    #[test]
    fn the_upper_layer_wins() {
        let merged = args("--a=1 --b 2 3 --c").under(&args("--b 4"));
        assert_eq!(merged.words(), ["--a=1", "--c", "--b", "4"]);
    }
}
