//! The simulator as a program: says where it listens in one line, serves until told to stop.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use equity_simulator::command_line::CommandLine;
use equity_simulator::settings::Settings;
use equity_simulator::simulator::Simulator;
use equity_simulator::{mail, server};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let given = CommandLine::parse();
    match serve(given) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "equity_simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(given: CommandLine) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(run(given));
    // A read of standard input may still be waiting; it must not hold up the end.
    runtime.shutdown_background();
    served
}

async fn run(given: CommandLine) -> io::Result<()> {
    let (port, stops_with_stdin) = (given.port, given.stop_with_stdin);
    let listener = server::listen(port).await?;
    let address = listener.local_addr()?;
    let mail_listener = server::listen(0).await?;
    let mail_address = mail_listener.local_addr()?;
    let simulator = Arc::new(Simulator::new(Settings::from(given)));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    writeln!(
        io::stdout(),
        "listening on http://{address}, for mail on smtp://{mail_address}"
    )?;
    io::stdout().flush()?;
    tokio::select! {
        _ = server::serve(listener, Arc::clone(&simulator)) => {}
        _ = mail::serve(mail_listener, simulator) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = stdin_closed(), if stops_with_stdin => {}
    }
    Ok(())
}

/// Ends when standard input is closed; what comes in is thrown away.
async fn stdin_closed() {
    let mut buffer = [0_u8; 1024];
    let mut input = tokio::io::stdin();
    while input.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}
