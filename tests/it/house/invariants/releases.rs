//! Invariants 2 and 12: a release never changes, objects are never taken away, and the audit log only grows.

use crate::house::assert_none;
use crate::house::source::{Source, read, rust};

/// Columns of a release that say where it stands; all others say what it is.
const STANDING: &[&str] = &["state", "approved", "reason", "replacement"];
/// Tables whose rows are written once.
const WRITTEN_ONCE: &[&str] = &["releases", "audit_entries"];

/// Returns the SQL of a function as one lower-case text: pieces of `concat!` stand beside each other.
fn statements(source: &Source) -> Vec<(String, String)> {
    if !source.path.ends_with(".rs") {
        let whole =
            source.text.lines().map(|line| line.split("--").next().unwrap_or(line)).collect::<Vec<_>>().join(" ");
        let sql =
            whole.split(';').map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
        return sql.map(|sql| (source.path.clone(), sql)).collect();
    }
    let functions = source.functions();
    let place = |line: usize, name: &str| format!("{}:{line} fn {name}", source.path);
    functions.iter().map(|f| (place(f.line, &f.name), f.texts.join(" ").to_lowercase())).collect()
}

/// Returns the columns that one `update … set` assigns.
fn assigned(after_set: &str) -> Vec<String> {
    let assignments = after_set.split(" where ").next().unwrap_or(after_set);
    let columns = assignments.split(',').filter_map(|one| Some(one.split_once('=')?.0.trim().to_owned()));
    columns.filter(|column| column.chars().all(|c| c.is_alphanumeric() || c == '_')).collect()
}

fn changes(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, sql) in sources.iter().flat_map(statements) {
        for part in sql.split("update releases ").skip(1) {
            let columns = assigned(part.trim_start().strip_prefix("set ").unwrap_or(part));
            let named = !columns.is_empty();
            if !named || columns.iter().any(|column| !STANDING.contains(&column.as_str())) {
                found.push(format!("{place}: update releases set {columns:?}; a release never changes"));
            }
        }
        for table in WRITTEN_ONCE {
            let own = *table == "releases";
            for verb in ["delete from", "truncate", "replace into", "drop table", "update"] {
                let hit = sql
                    .split(&format!("{verb} {table}"))
                    .skip(1)
                    .any(|rest| !rest.starts_with(|c: char| c == '_' || c.is_alphanumeric()));
                if hit && !(own && verb == "update") {
                    found.push(format!("{place}: {verb} {table}"));
                }
            }
            let insert = format!("insert into {table} ");
            if sql.split(&insert).skip(1).any(|rest| rest.contains("do update")) {
                found.push(format!("{place}: insert into {table} … do update"));
            }
        }
    }
    found
}

fn removals(objects: &Source) -> Vec<String> {
    let code = objects.code();
    let calls =
        [".delete(", ".delete_stream(", ".rename(", ".rename_if_not_exists(", ".copy(", "remove_file", "remove_dir"];
    calls.iter().filter(|call| code.contains(*call)).map(|call| format!("{}: {call}", objects.path)).collect()
}

fn store() -> Vec<Source> {
    let mut sources = rust(&["platform/store"]);
    sources.extend(read(&["platform/store/migrations", "platform/store/dialect"], &[".sql"]));
    sources
}

#[test]
fn a_release_and_an_audit_entry_are_written_once() {
    let sources = store();
    let updates = sources.iter().flat_map(statements).filter(|(_, sql)| sql.contains("update releases set")).count();
    assert!(updates > 0, "nothing approves a release: the check looks in the wrong place");
    assert_none("written once", &changes(&sources));
}

#[test]
fn objects_are_never_taken_away() {
    let objects =
        store().into_iter().find(|source| source.path.ends_with("/objects.rs")).expect("platform/store/src/objects.rs");
    assert!(objects.code().contains("Digest::of(bytes)"), "what is kept under a digest must have that digest");
    assert_none("objects", &removals(&objects));
    assert_eq!(removals(&Source::new("objects.rs", "async fn gone(&self) { self.inner.delete(path).await }")).len(), 1);
}

#[test]
fn sql_is_never_put_together_at_run_time() {
    let dynamic = |sources: &[Source]| -> Vec<String> {
        let words = ["AssertSqlSafe", "QueryBuilder", "query(&"];
        let hits = sources.iter().flat_map(|source| words.map(|word| (source, word)));
        // `many` takes fixed texts and counts: no value can get into what it puts together.
        let hits = hits.filter(|(source, _)| !source.path.ends_with("platform/store/src/many.rs"));
        hits.filter(|(source, word)| source.code().contains(word))
            .map(|(source, word)| format!("{}: {word}", source.path))
            .collect()
    };
    assert_none("SQL is a literal", &dynamic(&rust(&["platform/store"])));
    assert_eq!(dynamic(&[Source::new("a.rs", "fn a() { sqlx::query(&text) }")]).len(), 1);
}

#[test]
fn a_changed_release_is_seen() {
    let in_function = |sql: &str| Source::new("platform/store/src/a.rs", &format!("fn a() {{ query({sql}) }}"));
    for bad in [
        "\"update releases set state = $1, digest = $2 where id = $3\"",
        "concat!(\"UPDATE releases \\\n   set manifest\", \" = $1\")",
        "\"delete from releases where id = $1\"",
        "\"insert into releases (id) values ($1) on conflict (id) do update set digest = excluded.digest\"",
        "\"update audit_entries set details = $1\"",
        "\"delete from audit_entries\"",
    ] {
        assert_eq!(changes(&[in_function(bad)]).len(), 1, "{bad}");
    }
    assert_eq!(changes(&[Source::new("platform/store/dialect/a.sql", "-- no\ndelete\nfrom releases;")]).len(), 1);
    let good = "\"update releases set state = 'published', approved = $2 where id = $1 and digest = $3\"";
    assert_none("good", &changes(&[in_function(good), in_function("\"delete from releases_seen\"")]));
}
