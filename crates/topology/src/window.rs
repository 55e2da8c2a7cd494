//! Maintenance windows: stretches of every week, in UTC.

use jiff::{SignedDuration, Timestamp};

/// Seconds of a week.
const WEEK: i64 = 7 * 86_400;
/// 1970-01-01 was a Thursday: so long before it a Monday began.
const TO_MONDAY: i64 = 3 * 86_400;

/// A stretch of every week, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// When it opens, in seconds since the beginning of Monday; less than a week.
    opens: u32,
    /// How long it stays open, in seconds; at least one, at most a day.
    lasts: u32,
}

impl Window {
    /// The longest window, in seconds.
    pub const LONGEST: u32 = 86_400;

    /// A window that opens on a day (Monday is 0) at a time of day in seconds. What is out of range is cut to it.
    pub fn new(day: u8, from: u32, lasts: u32) -> Self {
        Self { opens: u32::from(day.min(6)) * 86_400 + from.min(86_399), lasts: lasts.clamp(1, Self::LONGEST) }
    }

    /// Whether it is open at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.since_opening(now) < i64::from(self.lasts)
    }

    /// When it opens next; `now` itself if it is open.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        if self.is_open(now) {
            return now;
        }
        let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
        whole.saturating_add(SignedDuration::from_secs(WEEK - self.since_opening(now))).unwrap_or(Timestamp::MAX)
    }

    /// Seconds since it opened last.
    fn since_opening(&self, now: Timestamp) -> i64 {
        (now.as_second() + TO_MONDAY - i64::from(self.opens)).rem_euclid(WEEK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn it_opens_every_week_and_over_midnight() {
        // 2026-11-22 is a Sunday.
        let sunday = Window::new(6, 23 * 3600, 2 * 3600);
        for (time, open) in [
            ("2026-11-22T22:59:59.999Z", false),
            ("2026-11-22T23:00:00Z", true),
            ("2026-11-23T00:59:59.999Z", true),
            ("2026-11-23T01:00:00Z", false),
            ("2026-11-29T23:30:00Z", true),
            ("1969-12-28T23:30:00Z", true),
        ] {
            assert_eq!(sunday.is_open(at(time)), open, "{time}");
        }
        assert_eq!(sunday.next(at("2026-11-23T01:00:00.5Z")), at("2026-11-29T23:00:00Z"));
        assert_eq!(sunday.next(at("2026-11-22T22:59:59Z")), at("2026-11-22T23:00:00Z"));
        assert_eq!(sunday.next(at("2026-11-23T00:30:00Z")), at("2026-11-23T00:30:00Z"));
    }
}
