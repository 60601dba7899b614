//! The progress line: rewritten in place on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use equity_system_tests::Outcome;
use equity_system_tests::session::Session;

const TERMINAL_PAUSE: Duration = Duration::from_millis(200);
const PLAIN_PAUSE: Duration = Duration::from_secs(3);

/// What was last shown, and when.
pub struct Progress {
    is_terminal: bool,
    started: Instant,
    shown: Option<Instant>,
}

impl Progress {
    pub fn start() -> Self {
        Self {
            is_terminal: std::io::stdout().is_terminal(),
            started: Instant::now(),
            shown: None,
        }
    }

    /// Shows where things stand, unless it was shown a moment ago.
    pub fn show(&mut self, db: &mut Session) -> Outcome {
        let pause = if self.is_terminal {
            TERMINAL_PAUSE
        } else {
            PLAIN_PAUSE
        };
        if self.shown.is_some_and(|at| at.elapsed() < pause) {
            return Ok(());
        }
        self.shown = Some(Instant::now());
        let line: String = db.one(
            "SELECT format('%s pulled  %s leads  %s contactable  %s in work  $%s spent',
                 (SELECT COALESCE(sum(records_total), 0) FROM pulls), count(*), count(*) FILTER (WHERE status = 'contactable'),
                 (SELECT count(*) FROM jobs WHERE waiting_for IS DISTINCT FROM 'a second pass'), (SELECT COALESCE(round(sum(settled_amount), 2), 0) FROM spend_budgets WHERE scope = 'total'))
             FROM leads",
        )?;
        let seconds = self.started.elapsed().as_secs();
        let mut out = std::io::stdout();
        if self.is_terminal {
            write!(out, "\r\x1b[K{seconds:>4} s  {line}")?;
        } else {
            writeln!(out, "{seconds:>4} s  {line}")?;
        }
        out.flush()?;
        Ok(())
    }

    /// Leaves the line.
    pub fn end(&self) {
        if self.is_terminal {
            println!();
        }
    }
}
