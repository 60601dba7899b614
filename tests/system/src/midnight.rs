//! A day that ends when a test wants it, without touching a clock.

use crate::Outcome;
use crate::session::Session;

/// A time zone, to the second, whose midnight is so many seconds away.
pub fn zone_with_midnight_in(db: &mut Session, seconds: i32) -> Outcome<String> {
    let now: i32 =
        db.one("SELECT extract(epoch FROM (clock_timestamp() AT TIME ZONE 'UTC')::time)::integer")?;
    let east = (2 * 86_400 - seconds - now) % 86_400;
    // POSIX counts to the west.
    let west = if east > 43_200 { 86_400 - east } else { -east };
    let sign = if west < 0 { "-" } else { "+" };
    let west = west.abs();
    Ok(format!(
        "<X>{sign}{}:{:02}:{:02}",
        west / 3600,
        west / 60 % 60,
        west % 60
    ))
}
