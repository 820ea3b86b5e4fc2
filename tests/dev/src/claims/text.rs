//! The words of a claim: ids, parts in brackets, and the test below.

/// Tells a claim from a sentence that happens to begin with the same word.
pub(super) fn looks_like_claim(said: &str) -> bool {
    let mut letters = said.chars();
    letters.next().is_some_and(|first| first.is_ascii_uppercase())
        && letters.next().is_some_and(|second| second.is_ascii_digit())
}

/// Joins comment lines while a list goes on: after a comma, or inside brackets.
pub(super) fn continued<'a>(first: &str, mut rest: &'a [&'a str]) -> (String, &'a [&'a str]) {
    let mut said = first.to_owned();
    while said.trim_end().ends_with(',') || said.matches('(').count() > said.matches(')').count() {
        let Some((more, after)) = rest.split_first().and_then(|(line, after)| Some((line.strip_prefix("//")?, after)))
        else {
            break;
        };
        said.push(' ');
        said.push_str(more.trim());
        rest = after;
    }
    (said, rest)
}

pub(super) fn function_name(line: &str) -> Option<&str> {
    if line.starts_with("//") {
        return None;
    }
    let at = line.find("fn ").filter(|at| *at == 0 || line[..*at].ends_with([' ', '(', '!', '{']))?;
    let name = line[at + 3..].split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()?;
    (!name.is_empty()).then_some(name)
}

/// Reads `M4 (structure, world), M9` as ids with their parts.
pub(super) fn items(said: &str) -> Result<Vec<(String, Option<String>)>, String> {
    let mut found = Vec::new();
    let mut rest = said.trim().trim_end_matches('.');
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (id, after) = rest.split_at(end);
        let after = after.trim_start();
        let (part, after) = match after.strip_prefix('(').map(|inner| inner.split_once(')')) {
            None => (None, after),
            Some(Some((part, after))) => (Some(part.trim().to_owned()), after.trim_start()),
            Some(None) => return Err(format!("a bracket is not closed in '{said}'")),
        };
        if id.is_empty() || part.as_deref() == Some("") {
            return Err(format!("'{rest}' is not an id, or an id with its part in brackets"));
        }
        found.push((id.to_owned(), part));
        rest = match after.strip_prefix(',') {
            Some(more) if !more.trim().is_empty() => more.trim_start(),
            None if after.is_empty() => after,
            _ => return Err(format!("a comma and an id belong before '{after}'")),
        };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_parts_are_read() {
        let read = items("M4 (structure, world), M9").unwrap_or_default();
        assert_eq!(read, [("M4".to_owned(), Some("structure, world".to_owned())), ("M9".to_owned(), None)]);
        assert!(items("M4 (open").is_err() && items("M4 M9").is_err() && items("M4,").is_err());
    }
}
