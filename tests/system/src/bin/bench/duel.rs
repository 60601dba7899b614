//! Two ways to do the same work, in turns: what each takes, and how many times faster ours is.
//!
//! Time is what the server's process spent on a processor, so that the figures hold on a busy machine; wall-clock
//! time is printed beside it.

use std::time::{Duration, Instant};

use equity_system_tests::Outcome;
use equity_system_tests::session::Session;

/// Turns of each side. The first of each is for warming up and not counted.
const TURNS: usize = 8;

/// Work that both sides do.
pub struct Work<'a> {
    pub what: &'a str,
    pub rival: &'a str,
    /// How many things one turn does.
    pub count: usize,
    /// How many times faster than the rival it is to be; None: a figure to compare with.
    pub goal: Option<f64>,
}

/// What one turn took.
#[derive(Clone, Copy)]
pub struct Took {
    pub processor: Duration,
    pub wall: Duration,
}

/// Runs a statement and says what it took.
pub fn timed(db: &mut Session, sql: &str) -> Outcome<Took> {
    let process: i32 = db.one("SELECT pg_backend_pid()")?;
    let before = on_processor(process)?;
    let started = Instant::now();
    db.run(sql)?;
    Ok(Took {
        wall: started.elapsed(),
        processor: on_processor(process)?.saturating_sub(before),
    })
}

fn on_processor(process: i32) -> Outcome<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/schedstat"))?;
    let nanoseconds = text.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Lets both sides work in turns and prints the medians. `ours` and `rival` make the statement of a turn; turns count
/// through both sides, so that each can have records of its own.
pub fn fight(
    db: &mut Session,
    work: &Work<'_>,
    ours: impl Fn(usize) -> String,
    rival: impl Fn(usize) -> String,
) -> Outcome {
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        let (first, second) = (2 * turn, 2 * turn + 1);
        if turn % 2 == 0 {
            mine.push(timed(db, &ours(first))?);
            theirs.push(timed(db, &rival(second))?);
        } else {
            theirs.push(timed(db, &rival(first))?);
            mine.push(timed(db, &ours(second))?);
        }
    }
    let count = work.count as f64;
    let mine = Figures::of(&mine[1..], count);
    let theirs = Figures::of(&theirs[1..], count);
    let ratio = theirs.median / mine.median;
    let verdict = match work.goal {
        None => String::new(),
        Some(goal) if ratio >= goal => format!(", goal {goal}"),
        Some(goal) => format!(", goal {goal}, MISSED"),
    };
    println!(
        "  {}: {mine}; {}: {theirs}; {ratio:.2} times as fast (wall clock {:.2}){verdict}",
        work.what,
        work.rival,
        theirs.wall / mine.wall,
    );
    Ok(())
}

struct Figures {
    least: f64,
    median: f64,
    most: f64,
    wall: f64,
}

impl Figures {
    /// Microseconds for each thing done.
    fn of(turns: &[Took], count: f64) -> Self {
        let sorted = |of: fn(&Took) -> Duration| {
            let mut all: Vec<f64> = turns
                .iter()
                .map(|took| of(took).as_secs_f64() * 1e6 / count)
                .collect();
            all.sort_by(f64::total_cmp);
            all
        };
        let processor = sorted(|took| took.processor);
        let wall = sorted(|took| took.wall);
        Self {
            least: processor[0],
            median: processor[processor.len() / 2],
            most: processor[processor.len() - 1],
            wall: wall[wall.len() / 2],
        }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.2} µs ({:.2} to {:.2})",
            self.median, self.least, self.most
        )
    }
}
