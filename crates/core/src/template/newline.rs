//! Line breaks and tabs while a leaf is parsed.
//!
//! In the peer a template is part of a JSON text, where a newline is the two characters `\n`: trim markers stop
//! at it. Here each stands as a character that is no space while the leaf is parsed, and comes back in the parsed
//! tree. Values never pass through this.

const SPACES: [char; 3] = ['\n', '\t', '\r'];

/// Stand-ins that the text itself does not contain: one for each of [`SPACES`], and one for the end.
pub(super) struct Newlines(Vec<char>);

impl Newlines {
    /// Stand-ins for this text: Unicode's noncharacters, which are meant for such use.
    pub fn of(text: &str) -> Self {
        Self(('\u{FDD0}'..='\u{FDEF}').filter(|c| !text.contains(*c)).take(SPACES.len() + 1).collect())
    }

    /// The text with a mark behind it, so that what follows is not read together with it; decoding drops the mark.
    pub fn encode_with_end(&self, text: &str) -> String {
        self.encode(text) + &self.0.iter().skip(SPACES.len()).collect::<String>()
    }

    fn encode(&self, text: &str) -> String {
        swap(text, &SPACES, &self.0)
    }

    pub fn decode(&self, text: &str) -> String {
        let end = self.0.get(SPACES.len()).copied();
        let text: String = text.chars().filter(|c| Some(*c) != end).collect();
        swap(&text, &self.0, &SPACES)
    }

    /// A message of the engine, as one line.
    pub fn escape(&self, message: &str) -> String {
        let escapes = self.0.iter().zip(["\\n", "\\t", "\\r", ""]);
        escapes.fold(message.to_owned(), |message, (stand_in, text)| {
            message.replace(&stand_in.escape_unicode().to_string(), text).replace(*stand_in, text)
        })
    }
}

fn swap(text: &str, from: &[char], to: &[char]) -> String {
    let swapped = |c: char| from.iter().zip(to).find_map(|(f, t)| (*f == c).then_some(*t)).unwrap_or(c);
    text.chars().map(swapped).collect()
}
