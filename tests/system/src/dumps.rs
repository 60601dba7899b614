//! Dumping and restoring, with the machine's own client programs.

use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::cluster::Cluster;

/// Runs `pg_dump` of the first database with these options; what it wrote to standard output.
pub fn dump(cluster: &Cluster, options: &[&str]) -> Outcome<Vec<u8>> {
    client(
        cluster,
        "pg_dump",
        &[&["-d", cluster.database()], options].concat(),
    )
}

/// Restores a plain dump.
pub fn restore_plain(cluster: &Cluster, database: &str, file: &Path) -> Outcome {
    let file = file.display().to_string();
    client(
        cluster,
        "psql",
        &[
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            database,
            "-f",
            &file,
        ],
    )
    .map(drop)
}

/// Restores a custom-format dump with four processes at once.
pub fn restore_custom(cluster: &Cluster, database: &str, file: &Path) -> Outcome {
    let file = file.display().to_string();
    client(
        cluster,
        "pg_restore",
        &["-j4", "--exit-on-error", "-d", database, &file],
    )
    .map(drop)
}

/// Runs a client program against the cluster.
pub fn client(cluster: &Cluster, program: &str, arguments: &[&str]) -> Outcome<Vec<u8>> {
    let output = Command::new(program)
        .arg("-h")
        .arg(cluster.socket())
        .args(["-U", "postgres"])
        .args(arguments)
        .output()?;
    if !output.status.success() {
        return Err(format!(
            "{program} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(output.stdout)
}
