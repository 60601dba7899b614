//! A private installation of PostgreSQL: its own programs, with the built extension beside them.
//!
//! PostgreSQL finds its libraries and extension scripts from where its program lies, as long as the tree has the
//! shape it was compiled for. So a copy of the program in a tree of links, plus three files of ours, is a complete
//! installation: nothing is written where the machine's own servers look, and no rights are needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// The programs that must be copies: a link would lead them back to the machine's own tree.
const PROGRAMS: [&str; 2] = ["postgres", "initdb"];

/// Where PostgreSQL keeps its things.
#[derive(Clone, Debug)]
pub struct ServerFiles {
    bin: PathBuf,
    lib: PathBuf,
    share: PathBuf,
}

impl ServerFiles {
    /// The machine's installation, as `PG_CONFIG` (or `pg_config`) describes it.
    pub fn of_machine() -> Outcome<Self> {
        let program = std::env::var_os("PG_CONFIG").unwrap_or_else(|| "pg_config".into());
        let ask = |what: &str| -> Outcome<PathBuf> {
            let output = Command::new(&program)
                .arg(what)
                .output()
                .map_err(|error| format!("pg_config: {error}"))?;
            Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
        };
        Ok(Self {
            bin: ask("--bindir")?,
            lib: ask("--pkglibdir")?,
            share: ask("--sharedir")?,
        })
    }

    /// A copy below `root`, with the extension from the package tree `built`.
    pub fn stage(&self, root: &Path, built: &Path) -> Outcome<Self> {
        let staged = Self {
            bin: below(root, &self.bin)?,
            lib: below(root, &self.lib)?,
            share: below(root, &self.share)?,
        };
        fs::create_dir_all(&staged.bin)?;
        for program in PROGRAMS {
            fs::copy(self.bin.join(program), staged.bin.join(program))?;
        }
        link_all(&self.lib, &staged.lib)?;
        link_all(&self.share, &staged.share)?;
        fs::remove_file(staged.share.join("extension"))?;
        link_all(
            &self.share.join("extension"),
            &staged.share.join("extension"),
        )?;
        copy_ours(&below(built, &self.lib)?, &staged.lib)?;
        copy_ours(
            &below(built, &self.share.join("extension"))?,
            &staged.share.join("extension"),
        )?;
        Ok(staged)
    }

    /// Where a script of an extension lies.
    #[must_use]
    pub fn extension_script(&self, name: &str) -> PathBuf {
        self.share.join("extension").join(name)
    }

    /// A program of the installation.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// `/usr/lib` below `/tmp/x` is `/tmp/x/usr/lib`.
fn below(root: &Path, absolute: &Path) -> Outcome<PathBuf> {
    Ok(root.join(absolute.strip_prefix("/")?))
}

fn link_all(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with("equity_connect") {
            std::os::unix::fs::symlink(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

fn copy_ours(from: &Path, to: &Path) -> Outcome {
    let missing = |error| {
        format!(
            "{}: {error}; build the extension first (make package)",
            from.display()
        )
    };
    for entry in fs::read_dir(from).map_err(missing)? {
        let entry = entry?;
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with("equity_connect")
        {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The package tree of the extension: `EQUITY_PACKAGE`, else where `make package` puts it.
#[must_use]
pub fn built_extension() -> PathBuf {
    match std::env::var_os("EQUITY_PACKAGE") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/package"),
    }
}
