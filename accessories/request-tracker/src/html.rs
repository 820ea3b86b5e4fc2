//! HTML as plain text: what a technician typed into Request Tracker's editor arrives as markup.

/// Drops the tags, keeps the lines, decodes the entities that editors write.
pub(crate) fn to_text(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        push_collapsed(&mut text, &rest[..at]);
        rest = &rest[at..];
        let end = if rest.starts_with('<') { '>' } else { ';' };
        let Some(length) = rest.find(end).filter(|length| end == '>' || *length <= 8) else {
            text.push_str(&rest[..1]);
            rest = &rest[1..];
            continue;
        };
        let inner = &rest[1..length];
        rest = &rest[length + 1..];
        match (end, entity(inner)) {
            ('>', _) if breaks_line(inner) => new_line(&mut text),
            ('>', _) => {}
            (_, Some(character)) => text.push(character),
            (_, None) => text.extend(["&", inner, ";"]),
        }
    }
    push_collapsed(&mut text, rest);
    text.trim().to_owned()
}

/// Appends text with each run of white space as one blank, as a browser shows it.
fn push_collapsed(text: &mut String, piece: &str) {
    for c in piece.chars() {
        if !c.is_ascii_whitespace() {
            text.push(c);
        } else if !text.ends_with([' ', '\n']) && !text.is_empty() {
            text.push(' ');
        }
    }
}

fn new_line(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
    if !text.is_empty() {
        text.push('\n');
    }
}

fn breaks_line(tag: &str) -> bool {
    let name = tag.split([' ', '\n']).next().unwrap_or_default().trim_end_matches('/').to_ascii_lowercase();
    matches!(name.as_str(), "br" | "/p" | "/div" | "/li" | "/tr" | "/h1" | "/h2" | "/h3" | "/pre" | "/blockquote")
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => char::from_u32(name.strip_prefix('#')?.parse().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::to_text;

    #[test]
    fn lines_and_entities_survive_and_tags_do_not() {
        let html = "<p>We are\r\n <b>on it</b> &amp; more&nbsp;&#33;</p>\n<div>a &lt; b<br />c</div>";
        assert_eq!(to_text(html), "We are on it & more !\na < b\nc");
    }

    #[test]
    fn what_is_no_markup_stays() {
        assert_eq!(to_text("1 < 2 & 3; R&D &unknown;"), "1 < 2 & 3; R&D &unknown;");
    }
}
