//! Who may call whom, enforced: pure files know no Postgres, only the store speaks SQL, only the network thread
//! opens sockets, and no file grows past what can be read whole.

use std::path::{Path, PathBuf};

const PURE: [&str; 15] = [
    "address",
    "canonical",
    "contact",
    "merging/contradiction",
    "merging/lineage",
    "merging/points",
    "merging/rows",
    "money",
    "record",
    "retry",
    "score",
    "vendors",
    "waterfall",
    "worker/http",
    "worker/limits",
];
const LONGEST_FILE: usize = 400;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Path relative to src, and text, of every source file but this one.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let named = found.into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).expect("a source file is text");
        (
            path.strip_prefix(&root)
                .expect("below src")
                .display()
                .to_string(),
            text,
        )
    });
    named
        .filter(|(name, _)| name != "layout_tests.rs")
        .collect()
}

fn is_pure(name: &str) -> bool {
    PURE.iter()
        .any(|module| name == format!("{module}.rs") || name.starts_with(&format!("{module}/")))
}

#[test]
fn pure_modules_know_no_postgres() {
    let files = files();
    assert!(
        files.iter().filter(|(name, _)| is_pure(name)).count() > 20,
        "the pure modules were not found"
    );
    for (name, text) in files.iter().filter(|(name, _)| is_pure(name)) {
        assert!(
            !text.contains("pgrx::") && !text.contains("use pgrx"),
            "{name} names pgrx"
        );
    }
}

#[test]
fn only_the_store_speaks_sql() {
    let statements = ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE ", "Spi::"];
    for (name, text) in files() {
        let may = name.starts_with("store/") || name.starts_with("sql_tests");
        for statement in statements.iter().filter(|_| !may) {
            assert!(!text.contains(statement), "{name} holds SQL: {statement}");
        }
    }
}

#[test]
fn only_the_network_thread_opens_sockets() {
    for (name, text) in files()
        .iter()
        .filter(|(name, _)| !name.starts_with("worker/http"))
    {
        assert!(
            !text.contains("reqwest") && !text.contains("TcpStream"),
            "{name} opens sockets"
        );
    }
}

#[test]
fn only_transact_opens_a_transaction_in_the_worker() {
    for (name, text) in files()
        .iter()
        .filter(|(name, _)| name != "worker/transact.rs")
    {
        assert!(
            !text.contains("StartTransactionCommand"),
            "{name} opens a transaction"
        );
    }
}

#[test]
fn no_file_is_longer_than_can_be_read_whole() {
    for (name, text) in files() {
        let lines = text.lines().count();
        assert!(
            lines <= LONGEST_FILE || text.contains("// long: "),
            "{name} has {lines} lines; split it, or say why with a line `// long: <reason>`"
        );
    }
}
