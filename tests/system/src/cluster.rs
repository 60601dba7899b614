//! A private PostgreSQL cluster: its own files, its own socket, no network port; gone when dropped.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::scratch::Scratch;
use crate::server_files::{self, ServerFiles};
use crate::session::{Session, connect};
use crate::wait::until;
use crate::{Failure, Outcome};

/// How long a server may take to start, to stop, or to come back after a crash.
pub const SERVER_PATIENCE: Duration = Duration::from_secs(60);

/// What a cluster is made for.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// The databases of `equity_connect.databases`; the first is made.
    pub databases: Vec<String>,
    pub library: Library,
    /// Lines of the keys file.
    pub keys: Vec<(&'static str, String)>,
    /// Further lines of postgresql.conf.
    pub settings: Vec<(&'static str, String)>,
}

/// Is the extension's library in `shared_preload_libraries`?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    Preloaded,
    NotPreloaded,
}

/// What a copy of the files is started as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyAs {
    /// A server of its own.
    Clone,
    /// A standby of the original.
    Standby,
}

/// How a server is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Sessions are ended, and everything is written.
    Fast,
    /// Nothing is written: the next start recovers, as after a power cut.
    Immediate,
}

/// A running (or stopped) cluster.
#[derive(Debug)]
pub struct Cluster {
    account: Account,
    files: ServerFiles,
    server: Option<Child>,
    wishes: Wishes,
    // Last: the server must be gone before its files are.
    scratch: Scratch,
}

impl Cluster {
    /// Makes a cluster, starts it, and makes its first database.
    pub fn start(wishes: Wishes) -> Outcome<Self> {
        let account = Account::choose()?;
        let scratch = Scratch::new(account)?;
        let files = ServerFiles::of_machine()?.stage(
            &scratch.path().join("stage"),
            &server_files::built_extension(),
        )?;
        let mut cluster = Self {
            account,
            files,
            server: None,
            wishes,
            scratch,
        };
        cluster.initialise()?;
        cluster.write_keys(&cluster.wishes.keys)?;
        // The database first: a worker that does not find its own tries again only after ten seconds.
        cluster.configure(&[("equity_connect.databases", "")])?;
        cluster.launch()?;
        let database = cluster.database().to_owned();
        cluster
            .connect_to("postgres")?
            .run(&format!("CREATE DATABASE {database}"))?;
        cluster.stop(Stop::Fast)?;
        cluster.configure(&[])?;
        cluster.launch()?;
        Ok(cluster)
    }

    /// Copies the running cluster with `pg_basebackup` and starts the copy.
    pub fn copy(&self, kind: CopyAs) -> Outcome<Self> {
        let scratch = Scratch::new(self.account)?;
        let copy = Self {
            account: self.account,
            files: self.files.clone(),
            server: None,
            wishes: self.wishes.clone(),
            scratch,
        };
        let mut command = self.account.command(Path::new("pg_basebackup"));
        command
            .args(["--checkpoint=fast", "--no-sync", "--username=postgres"])
            .arg("-h")
            .arg(self.socket())
            .arg("-D")
            .arg(copy.data());
        if kind == CopyAs::Standby {
            command.arg("--write-recovery-conf");
        }
        let output = command.output()?;
        if !output.status.success() {
            return Err(
                format!("pg_basebackup: {}", String::from_utf8_lossy(&output.stderr)).into(),
            );
        }
        copy.write_keys(&copy.wishes.keys)?;
        copy.configure(&[])?;
        let mut copy = copy;
        copy.launch()?;
        Ok(copy)
    }

    fn initialise(&self) -> Outcome {
        let output = self
            .account
            .command(&self.files.program("initdb"))
            .args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ])
            .arg("-D")
            .arg(self.data())
            .output()?;
        if !output.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(())
    }

    /// Writes the configuration; `changes` come after, and so win over, the wishes.
    pub fn configure(&self, changes: &[(&str, &str)]) -> Outcome {
        let preload = match self.wishes.library {
            Library::Preloaded => "equity_connect",
            Library::NotPreloaded => "",
        };
        let socket = self.socket().display().to_string();
        let keys = self.keys_file().display().to_string();
        let databases = self.wishes.databases.join(",");
        let zone = quiet_time_zone();
        let mut lines: Vec<(&str, &str)> = vec![
            ("listen_addresses", ""),
            ("unix_socket_directories", &socket),
            ("unix_socket_permissions", "0777"),
            ("shared_preload_libraries", preload),
            ("equity_connect.databases", &databases),
            ("equity_connect.keys_file", &keys),
            ("equity_connect.daily_spend_cap", "100000"),
            ("equity_connect.budget_timezone", &zone),
            ("log_min_messages", "log"),
            ("log_line_prefix", "%m [%p] %b %d: "),
            ("shared_buffers", "64MB"),
        ];
        lines.extend(
            self.wishes
                .settings
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        lines.extend(changes);
        let text: String = lines
            .iter()
            .map(|(name, value)| format!("{name} = '{value}'\n"))
            .collect();
        fs::write(self.data().join("conf"), text)?;
        let main = self.data().join("postgresql.conf");
        let mut config = fs::read_to_string(&main)?;
        if !config.contains("include = 'conf'") {
            config.push_str("\ninclude = 'conf'\n");
            fs::write(&main, config)?;
        }
        self.account.own(&self.data().join("conf"))
    }

    /// Writes the keys file as the server's user must have it.
    pub fn write_keys(&self, keys: &[(&'static str, String)]) -> Outcome {
        let path = self.keys_file();
        let mut file = File::create(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        for (name, key) in keys {
            writeln!(file, "{name} = {key}")?;
        }
        self.account.own(&path)
    }

    /// Starts the server and returns when it takes connections.
    pub fn launch(&mut self) -> Outcome {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())?;
        let mut command = self.account.command(&self.files.program("postgres"));
        command
            .arg("-D")
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        // A group of its own, so that Ctrl-C reaches the harness, which then stops the server in order.
        command.process_group(0);
        // SAFETY: prctl is a plain system call, allowed between fork and exec. The server is told to stop if the
        // thread that started it dies without doing so (set after the user is changed, which would clear it).
        unsafe {
            command.pre_exec(
                || match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGQUIT) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                },
            );
        }
        self.server = Some(command.spawn()?);
        self.wait_for_connections()
    }

    /// Waits until the server takes connections, also after a crash of one of its processes.
    pub fn wait_for_connections(&mut self) -> Outcome {
        let socket = self.socket();
        let log = self.log_path();
        let server = self.server.as_mut().ok_or("the server was not started")?;
        until("the server takes connections", SERVER_PATIENCE, || {
            if let Some(status) = server.try_wait()? {
                let text = fs::read_to_string(&log).unwrap_or_default();
                return Err(format!("the server ended with {status}:\n{}", tail(&text)).into());
            }
            Ok(connect(&socket, "postgres").ok())
        })
        .map(drop)
    }

    /// Stops the server; how long it took.
    pub fn stop(&mut self, how: Stop) -> Outcome<Duration> {
        let Some(mut server) = self.server.take() else {
            return Ok(Duration::ZERO);
        };
        let started = Instant::now();
        signal(
            server.id(),
            if how == Stop::Fast {
                libc::SIGINT
            } else {
                libc::SIGQUIT
            },
        )?;
        let ended: Outcome<ExitStatus> = until("the server stops", SERVER_PATIENCE, || {
            Ok(server.try_wait()?)
        });
        if ended.is_err() {
            server.kill()?;
            server.wait()?;
        }
        ended.map(|_| started.elapsed())
    }

    /// Makes the server read its configuration again.
    pub fn reload(&self) -> Outcome {
        signal(
            self.server.as_ref().ok_or("the server is stopped")?.id(),
            libc::SIGHUP,
        )
    }

    /// A session in the first database.
    pub fn connect(&self) -> Outcome<Session> {
        connect(&self.socket(), self.database())
    }

    /// A session in any database.
    pub fn connect_to(&self, database: &str) -> Outcome<Session> {
        connect(&self.socket(), database)
    }

    /// The first database.
    #[must_use]
    pub fn database(&self) -> &str {
        self.wishes
            .databases
            .first()
            .map_or("leads", String::as_str)
    }

    /// Puts a script beside the extension's own, for ALTER EXTENSION UPDATE.
    pub fn write_extension_script(&self, name: &str, text: &str) -> Outcome {
        Ok(fs::write(self.files.extension_script(name), text)?)
    }

    /// Everything the server has logged so far.
    pub fn log(&self) -> Outcome<String> {
        Ok(fs::read_to_string(self.log_path())?)
    }

    /// The directory of the server's socket, for `psql -h` and `pg_dump -h`.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.scratch.path().to_owned()
    }

    /// A directory for a test's own files.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// A program run as the server's user.
    #[must_use]
    pub fn command(&self, program: &str) -> std::process::Command {
        self.account.command(Path::new(program))
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    fn keys_file(&self) -> PathBuf {
        self.scratch.path().join("keys")
    }

    fn log_path(&self) -> PathBuf {
        self.scratch.path().join("server.log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(log) = self.log()
        {
            eprintln!("---- the server's log ends:\n{}", tail(&log));
        }
        let _ = self.stop(Stop::Immediate);
    }
}

/// Sends a signal to a process of the server's.
pub fn signal(process: u32, signal: i32) -> Outcome {
    let process = i32::try_from(process)?;
    // SAFETY: kill has no preconditions; a process that is gone is an error, returned below.
    match unsafe { libc::kill(process, signal) } {
        0 => Ok(()),
        _ => Err(Failure::from(std::io::Error::last_os_error())),
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// A time zone where it is early in the day: a budget's day must not end while a test runs.
fn quiet_time_zone() -> String {
    let seconds = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |elapsed| elapsed.as_secs());
    // Etc/GMT-5 is five hours ahead of UTC: the sign is POSIX's.
    match i64::try_from(seconds / 3600 % 24).unwrap_or(0) {
        hour @ 0..=11 => format!("Etc/GMT{:+}", hour - 2).replace("+0", ""),
        hour => format!("Etc/GMT-{}", (26 - hour).min(14)),
    }
}
