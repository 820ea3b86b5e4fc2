//! The text of the migrations: column types, and keys that the tenant leads.

use std::path::Path;

/// The migrations without comments, in order.
fn migrations() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../platform/store/migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let text = |file: &std::path::PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        text.lines().map(|line| line.split("--").next().unwrap()).collect::<Vec<_>>().join("\n")
    };
    files.iter().map(text).collect()
}

/// A table: its name, and the parts between its parentheses.
struct Table {
    name: String,
    parts: Vec<String>,
}

fn tables(sql: &str) -> Vec<Table> {
    let mut tables = Vec::new();
    for statement in sql.split(';').map(str::trim).filter(|s| !s.is_empty()) {
        if let Some((name, column)) = statement.strip_prefix("alter table ").and_then(|s| s.split_once(" add column "))
        {
            tables.push(Table { name: name.to_owned(), parts: vec![column.to_owned()] });
            continue;
        }
        if statement.starts_with("alter table ") && statement.contains(" drop column ") {
            continue;
        }
        let Some(rest) = statement.strip_prefix("create table ") else {
            assert!(statement.starts_with("create index "), "teach this test about: {statement}");
            continue;
        };
        let (name, body) = rest.split_once('(').unwrap();
        tables.push(Table {
            name: name.trim().to_owned(),
            parts: split_outside_parentheses(body.strip_suffix(')').unwrap()),
        });
    }
    tables
}

fn split_outside_parentheses(body: &str) -> Vec<String> {
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for character in body.chars() {
        depth += i32::from(character == '(') - i32::from(character == ')');
        if character == ',' && depth == 0 {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(character);
        }
    }
    parts.push(part);
    parts.iter().map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

const CONSTRAINTS: [&str; 4] = ["primary key ", "unique ", "foreign key ", "check "];

impl Table {
    fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(String::as_str).filter(|part| !CONSTRAINTS.iter().any(|c| part.starts_with(c)))
    }

    fn belongs_to_tenants(&self) -> bool {
        self.columns().any(|column| column.starts_with("tenant_id "))
    }
}

#[test]
fn columns_have_the_four_types_that_both_databases_read_alike() {
    for table in migrations().iter().flat_map(|sql| tables(sql)) {
        for column in table.columns() {
            let kind = column.split_once(' ').unwrap().1;
            let known = ["TEXT", "BIGINT", "DOUBLE PRECISION", "BYTEA"]
                .iter()
                .any(|k| kind.strip_prefix(k).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')));
            assert!(known, "{}.{column}", table.name);
        }
    }
}

#[test]
fn the_tenant_leads_every_key_and_index_of_its_tables() {
    let all = migrations();
    let tables: Vec<Table> = all.iter().flat_map(|sql| tables(sql)).filter(Table::belongs_to_tenants).collect();
    assert!(tables.len() >= 15, "{} tables", tables.len());
    for table in &tables {
        let alone = table.columns().any(|c| c.starts_with("tenant_id ") && c.contains(" primary key"));
        let led = table.parts.iter().any(|part| part.starts_with("primary key (tenant_id, "));
        assert!(alone || led, "the primary key of {}", table.name);
        for part in &table.parts {
            let inline = !part.starts_with("tenant_id ") && (part.contains(" unique") || part.contains(" primary key"));
            assert!(!inline || CONSTRAINTS.iter().any(|c| part.starts_with(c)), "{}: {part}", table.name);
            assert!(!part.starts_with("unique ") || part.starts_with("unique (tenant_id, "), "{}: {part}", table.name);
        }
        for index in all.iter().flat_map(|sql| sql.split(';')).map(str::trim).filter(|s| s.starts_with("create ")) {
            let on = format!(" on {} (", table.name);
            let Some((_, columns)) = index.split_once(&on) else { continue };
            assert!(columns.starts_with("tenant_id"), "{index}");
        }
    }
}
