//! What a demo leaves on the screen.

/// Prints names and values in two columns, under a line.
pub(crate) fn print(rows: &[(&str, String)]) {
    println!("\n{}", text(rows));
}

fn text(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let lines: Vec<String> = rows.iter().map(|(name, value)| format!("  {name:width$}  {value}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_stand_below_each_other() {
        let rows = [("fits", "1 of 1".to_owned()), ("accessory", "a/b".to_owned())];
        assert_eq!(super::text(&rows), "  fits       1 of 1\n  accessory  a/b");
    }
}
