//! The documents that are made from the tables of commands: `docs/commands.md`, our own commands, and
//! `docs/frr-compatibility.md`, what becomes of FRR's.
//!
//! A test fails when a document does not say what the tables say. It is written anew with
//! `UPDATE_DOCS=1 cargo test -p router reference`.

mod frr;
mod instances;
mod own;

use std::path::Path;

/// Set in the environment, documents are written and not compared.
const UPDATE: &str = "UPDATE_DOCS";

/// The first lines of a document that is made here.
fn head(title: &str) -> String {
    format!(
        "# {title}\n\nMade from the tables of commands by `{UPDATE}=1 cargo test -p router reference`; not edited by hand.\n"
    )
}

/// A document of the folder `docs`.
fn document(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

/// Whether a document is what it should be, or makes it that.
#[track_caller]
fn hold(name: &str, text: &str) {
    let path = document(name);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (there, due) = (lines(&there), lines(text));
    let first = there.iter().zip(&due).position(|(a, b)| a != b).unwrap_or(there.len().min(due.len()));
    assert!(
        there == due,
        "docs/{name} is not up to date from line {}:\n  there: {:?}\n  due:   {:?}\n{UPDATE}=1 cargo test -p router reference writes it",
        first + 1,
        there.get(first),
        due.get(first),
    );
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A piece of the command language in a cell of a table.
fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

#[test]
fn the_reference_lists_our_commands() {
    hold("commands.md", &own::text());
}

#[test]
fn the_table_of_compatibility_lists_what_becomes_of_frr_s_commands() {
    hold("frr-compatibility.md", &frr::text());
}

#[test]
fn what_is_said_to_be_different_is_told_in_the_document_of_differences() {
    let told = std::fs::read_to_string(document("differences.md")).unwrap();
    for (command, row) in frr::DIFFERENT {
        assert!(told.contains(&format!("\n| {row} |")), "{command}: docs/differences.md has no row {row}");
    }
}
