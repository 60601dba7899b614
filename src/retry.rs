//! When to try again: exponential back-off with full jitter, and a server's own Retry-After.
//!
//! Never zero: a wait of nothing would turn an outage into a busy loop. Never longer than a cap: a
//! server's bad header must not park work for years. Chance and the clock come in as values, so that
//! the same input gives the same wait.
//!
//! Source: "Exponential Backoff And Jitter" (AWS Architecture Blog, full jitter); RFC 9110 10.2.3.

use std::time::{Duration, SystemTime};

/// The shortest wait that [`backoff`] ever gives.
const SHORTEST: Duration = Duration::from_millis(1);
/// The shortest wait that a Retry-After can ask for.
const SHORTEST_RETRY_AFTER: Duration = Duration::from_secs(1);
/// The longest wait that a Retry-After can ask for.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How back-off grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The longest wait after the first failure.
    pub base: Duration,
    /// The longest wait after any failure.
    pub cap: Duration,
}

/// How long to wait after so many failed attempts (1 after the first failure).
///
/// Somewhere between a tenth of `base` and `base * 2^(attempt - 1)`, which is cut at `cap`;
/// `random_unit` between 0 and 1 says where.
pub fn backoff(attempt: u32, schedule: &Schedule, random_unit: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let ceiling = schedule
        .base
        .saturating_mul(1 << doublings)
        .min(schedule.cap)
        .max(SHORTEST);
    let floor = (schedule.base / 10).clamp(SHORTEST, ceiling);
    let part = if random_unit.is_nan() {
        1.0
    } else {
        random_unit.clamp(0.0, 1.0)
    };
    // The span is cut to u64 nanoseconds (584 years) and scaled by at most 1.
    let span = u64::try_from((ceiling - floor).as_nanos()).unwrap_or(u64::MAX);
    // Near u64::MAX a double is coarser than a nanosecond, so the sum is cut once more.
    let extra = Duration::from_nanos((span as f64 * part) as u64);
    floor.saturating_add(extra).min(ceiling)
}

/// Reads a Retry-After header: seconds, or a date. `None` when it is neither.
///
/// Between one second (also for a date that has passed) and [`LONGEST_RETRY_AFTER`].
pub fn parse_retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    let wait = if header.starts_with(|c: char| c.is_ascii_digit()) {
        seconds(header)?
    } else {
        let date = httpdate::parse_http_date(header).ok()?;
        date.duration_since(now).unwrap_or(Duration::ZERO)
    };
    Some(wait.clamp(SHORTEST_RETRY_AFTER, LONGEST_RETRY_AFTER))
}

/// Whole seconds; a fraction, which some servers send, is rounded up.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    // Digits that do not fit are a wait beyond any cap.
    let whole = whole.parse().unwrap_or(u64::MAX);
    let rest = u64::from(fraction.bytes().any(|byte| byte != b'0'));
    Some(Duration::from_secs(whole.saturating_add(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::UNIX_EPOCH;

    const MINUTES: Schedule = Schedule {
        base: Duration::from_secs(60),
        cap: Duration::from_secs(3_600),
    };

    #[test]
    fn the_longest_wait_doubles_up_to_the_cap() {
        let longest = |attempt| backoff(attempt, &MINUTES, 1.0).as_secs();
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 7, 8, u32::MAX].map(longest),
            [60, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]
        );
    }

    #[test]
    fn chance_spreads_the_wait_over_the_whole_span() {
        assert_eq!(backoff(1, &MINUTES, 0.0), Duration::from_secs(6));
        assert_eq!(backoff(1, &MINUTES, 0.5), Duration::from_secs(33));
        assert_eq!(backoff(1, &MINUTES, f64::NAN), Duration::from_secs(60));
        assert_eq!(backoff(1, &MINUTES, -7.0), Duration::from_secs(6));
        assert_eq!(backoff(1, &MINUTES, f64::INFINITY), Duration::from_secs(60));
    }

    /// 2025-11-22 16:00:00 UTC.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_763_827_200)
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        for (header, wait) in [
            ("120", 120),
            (" 7 ", 7),
            ("0", 1),
            ("1.5", 2),
            ("2.0", 2),
            ("Sat, 22 Nov 2025 16:02:00 GMT", 120),
            ("Saturday, 22-Nov-25 16:02:00 GMT", 120),
            ("Sat Nov 22 16:02:00 2025", 120),
            ("Sat, 22 Nov 2025 15:00:00 GMT", 1),
            ("99999999999999999999999", 86_400),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ] {
            let expected = Some(Duration::from_secs(wait));
            assert_eq!(parse_retry_after(header, now()), expected, "{header}");
        }
    }

    #[test]
    fn a_header_that_is_neither_gives_nothing() {
        for header in [
            "",
            "soon",
            "-1",
            "1e3",
            "1 2",
            "12s",
            "2025-11-22T16:02:00Z",
            "Sat, 31 Feb 2025 16:02:00 GMT",
        ] {
            assert_eq!(parse_retry_after(header, now()), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn a_wait_is_never_nothing_and_never_over_the_cap(
            attempt in any::<u32>(), base in any::<u64>(), cap in any::<u64>(), random_unit in any::<f64>()
        ) {
            let schedule = Schedule { base: Duration::from_nanos(base), cap: Duration::from_nanos(cap) };
            let wait = backoff(attempt, &schedule, random_unit);
            prop_assert!(wait >= SHORTEST);
            prop_assert!(wait <= schedule.cap.max(SHORTEST));
        }

        #[test]
        fn the_longest_durations_do_not_overflow(attempt in any::<u32>(), random_unit in 0.0..=1.0f64) {
            let schedule = Schedule { base: Duration::MAX, cap: Duration::MAX };
            prop_assert!(backoff(attempt, &schedule, random_unit) >= SHORTEST);
        }

        #[test]
        fn no_header_panics(header in "\\PC{0,40}", date in "(Sat|Mon),? [0-9]{1,2}[ -](Nov|Feb)[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2}( [0-9]{4}| GMT)?", at in any::<u32>()) {
            for text in [&header, &date] {
                if let Some(wait) = parse_retry_after(text, UNIX_EPOCH + Duration::from_secs(at.into())) {
                    prop_assert!(wait >= SHORTEST_RETRY_AFTER && wait <= LONGEST_RETRY_AFTER);
                }
            }
        }
    }
}
