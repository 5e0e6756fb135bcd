//! What is remembered of events, so that nothing is told too often: the same within an hour is counted on the event
//! that is there, and nobody tells more than a burst and then a little.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::time::Instant;

use super::{News, Type};

/// For this long the same news are counted on the event that is there; the API server keeps it as long.
const SAME: Duration = Duration::from_hours(1);
/// Events of one type about one object that may follow each other at once, and how long it takes until there is room for
/// one more: as for every component of Kubernetes.
const BURST: u32 = 25;
const REFILL: Duration = Duration::from_mins(5);

/// What to do with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Create it.
    New,
    /// It was said already: set the count of that one.
    Again {
        /// The event's name.
        name: String,
        /// How often it was said.
        count: u64,
    },
    /// Too many: leave it.
    Drop,
}

#[derive(Debug)]
struct Said {
    name: String,
    count: u64,
    at: Instant,
}

#[derive(Debug)]
struct Speaker {
    spent: u32,
    since: Instant,
    said: BTreeMap<u64, Said>,
}

impl Speaker {
    fn new(now: Instant) -> Self {
        Self { spent: 0, since: now, said: BTreeMap::new() }
    }

    /// Lets time pass: room comes back, and what was said long ago is forgotten.
    fn advance(&mut self, now: Instant) {
        while self.spent > 0 && now.saturating_duration_since(self.since) >= REFILL {
            self.spent -= 1;
            self.since += REFILL;
        }
        if self.spent == 0 {
            self.since = now;
        }
        self.said.retain(|_, said| now.saturating_duration_since(said.at) < SAME);
    }
}

/// All objects that something was told about.
#[derive(Debug, Default)]
pub struct Series {
    speakers: BTreeMap<(String, Type), Speaker>,
    swept: Option<Instant>,
}

impl Series {
    /// What to do with an event about the object of this UID.
    pub fn next(&mut self, uid: &str, news: &News, now: Instant) -> Step {
        self.sweep(now);
        let key = (uid.to_owned(), news.kind);
        let speaker = self.speakers.entry(key).or_insert_with(|| Speaker::new(now));
        speaker.advance(now);
        if speaker.spent >= BURST {
            return Step::Drop;
        }
        speaker.spent += 1;
        match speaker.said.get_mut(&digest(news)) {
            None => Step::New,
            Some(said) => {
                said.count += 1;
                Step::Again { name: said.name.clone(), count: said.count }
            }
        }
    }

    /// It was created under this name.
    pub fn wrote(&mut self, uid: &str, news: &News, name: &str, now: Instant) {
        if let Some(speaker) = self.speakers.get_mut(&(uid.to_owned(), news.kind)) {
            speaker.said.insert(digest(news), Said { name: name.to_owned(), count: 1, at: now });
        }
    }

    /// Forgets objects that nothing was told about for long.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SAME) {
            self.speakers.values_mut().for_each(|speaker| speaker.advance(now));
            self.speakers.retain(|_, speaker| speaker.spent > 0 || !speaker.said.is_empty());
            self.swept = Some(now);
        }
    }
}

fn digest(news: &News) -> u64 {
    let mut hasher = DefaultHasher::new();
    news.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(series: &mut Series, message: &str, now: Instant) -> Step {
        let news = News::normal("Updated", message);
        let step = series.next("u", &news, now);
        if step == Step::New {
            series.wrote("u", &news, "m.1", now);
        }
        step
    }

    // G-5
    #[tokio::test(start_paused = true)]
    async fn the_same_within_an_hour_is_counted_and_later_it_is_news() {
        let (mut series, now) = (Series::default(), Instant::now());
        assert_eq!(told(&mut series, "a", now), Step::New);
        assert_eq!(told(&mut series, "a", now), Step::Again { name: "m.1".to_owned(), count: 2 });
        assert_eq!(told(&mut series, "b", now), Step::New);
        assert_eq!(told(&mut series, "a", now), Step::Again { name: "m.1".to_owned(), count: 3 });
        assert_eq!(told(&mut series, "a", now + SAME), Step::New);
    }

    // G-5
    #[tokio::test(start_paused = true)]
    async fn a_flood_is_cut_off_and_does_not_keep_warnings_or_others_from_being_told() {
        let (mut series, now) = (Series::default(), Instant::now());
        let steps: Vec<Step> = (0..30).map(|i| told(&mut series, &i.to_string(), now)).collect();
        assert_eq!(steps.iter().filter(|step| **step == Step::New).count(), 25);
        assert_eq!(steps[25..], [const { Step::Drop }; 5]);
        assert_eq!(series.next("u", &News::warning("Error", "x"), now), Step::New);
        assert_eq!(series.next("v", &News::normal("Updated", "x"), now), Step::New);
        assert_eq!(told(&mut series, "later", now + REFILL), Step::New);
        assert_eq!(told(&mut series, "too soon", now + REFILL), Step::Drop);
    }

    #[tokio::test(start_paused = true)]
    async fn objects_that_nothing_is_told_about_are_forgotten() {
        let (mut series, now) = (Series::default(), Instant::now());
        told(&mut series, "a", now);
        series.next("v", &News::normal("Updated", "x"), now + SAME);
        assert_eq!(series.speakers.keys().map(|(uid, _)| uid.as_str()).collect::<Vec<_>>(), ["v"]);
    }
}
