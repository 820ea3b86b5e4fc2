//! A small scanner of Rust sources: what is code, what is comment, what is text in quotes, and where functions begin and end.

use std::ops::Range;

/// What a stretch of source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Code,
    Comment,
    /// A string or character literal with its quotes.
    Text,
}

/// One function of a source.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) name: String,
    /// What stands before `fn` on its line: `pub async`.
    pub(super) before: String,
    /// From the name to the body, without comments.
    pub(super) signature: String,
    /// The whole function without comments and texts.
    pub(super) code: String,
    /// Its texts, one after the other, as the compiler reads them up to white space.
    pub(super) texts: Vec<String>,
    pub(super) start: usize,
    /// The line of its name, counted from 1.
    pub(super) line: usize,
    /// How many lines it has.
    pub(super) lines: usize,
}

/// Divides a source into code, comments and texts.
pub(super) fn segments(text: &str) -> Vec<(Kind, Range<usize>)> {
    let mut found = Vec::new();
    let (mut at, mut code_from) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        if !rest.starts_with(['/', '"', '\'', 'r', 'b']) {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let special = comment(rest).map(|len| (Kind::Comment, len)).or_else(|| {
            let inside_a_word = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            literal(rest, inside_a_word).map(|len| (Kind::Text, len))
        });
        if let Some((kind, len)) = special {
            found.push((Kind::Code, code_from..at));
            found.push((kind, at..at + len));
            at += len;
            code_from = at;
        } else {
            at += 1;
        }
    }
    found.push((Kind::Code, code_from..text.len()));
    found.retain(|(_, range)| !range.is_empty());
    found
}

fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (1_usize, 2);
    while depth > 0 && at < rest.len() {
        match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    Some(at)
}

fn literal(rest: &str, inside_a_word: bool) -> Option<usize> {
    if let Some(inner) = rest.strip_prefix('"') {
        return Some(1 + quoted(inner, '"'));
    }
    if let Some(inner) = rest.strip_prefix('\'') {
        let first = inner.chars().next()?;
        let closes = first == '\\' || inner[first.len_utf8()..].starts_with('\'');
        return closes.then(|| 1 + quoted(inner, '\''));
    }
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')).filter(|_| !inside_a_word)?;
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    let inner = raw[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inner.find(&end).map_or(inner.len(), |at| at + end.len());
    Some(rest.len() - inner.len() + length)
}

/// Returns the length of a literal's rest, closing quote included.
fn quoted(inner: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    inner.len()
}

/// Returns the source with everything but these kinds as spaces; lines and positions stay.
pub(super) fn only(text: &str, kinds: &[Kind]) -> String {
    let mut out = vec![b' '; text.len()];
    for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n') {
        out[at] = byte;
    }
    for (_, range) in segments(text).into_iter().filter(|(kind, _)| kinds.contains(kind)) {
        out[range.clone()].copy_from_slice(&text.as_bytes()[range]);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Returns the source without its `#[cfg(test)]` items, as spaces.
pub(super) fn without_tests(text: &str) -> String {
    let code = only(text, &[Kind::Code]);
    let mut out = text.to_owned();
    for (at, attribute) in code.match_indices("#[cfg(test)]") {
        let end = code[at..].find('{').map_or(at + attribute.len(), |open| block_end(&code, at + open));
        let blank: String = out[at..end].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
        out.replace_range(at..end, &blank);
    }
    out
}

/// Returns where the block that opens at `open` ends, in code without texts.
pub(super) fn block_end(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    code.len()
}

/// Tells whether a word stands in code as a word of its own, and where.
pub(super) fn word_positions<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .filter(move |(at, _)| !code[..*at].ends_with(part) && !code[at + word.len()..].starts_with(part))
        .map(|(at, _)| at)
}

/// Returns all functions that have a body.
pub(super) fn functions(text: &str) -> Vec<Function> {
    let code = only(text, &[Kind::Code]);
    word_positions(&code, "fn").filter_map(|at| function(text, &code, at)).collect()
}

fn function(text: &str, code: &str, at: usize) -> Option<Function> {
    let after = code[at..].strip_prefix("fn ")?;
    let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let open = body_of(code, at).filter(|_| !name.is_empty())?;
    let end = block_end(code, open);
    let line_start = code[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let texts = segments(&text[at..end]).into_iter().filter(|(kind, _)| *kind == Kind::Text);
    Some(Function {
        before: code[line_start..at].trim().to_owned(),
        signature: code[at..open].to_owned(),
        code: code[at..end].to_owned(),
        texts: texts.map(|(_, range)| as_compiled(&text[at..end][range])).collect(),
        start: at,
        line: code[..at].matches('\n').count() + 1,
        lines: code[at..end].matches('\n').count() + 1,
        name,
    })
}

/// Returns where the body opens; none if there is no body.
fn body_of(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (offset, byte) in code[at..].bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b';' if depth == 0 => return None,
            b'{' if depth == 0 => return Some(at + offset),
            _ => {}
        }
    }
    None
}

/// Joins continued lines and folds white space, as far as a comparison needs it.
fn as_compiled(literal: &str) -> String {
    let joined = literal.replace("\\\n", " ");
    joined.split_whitespace().collect::<Vec<_>>().join(" ").trim_matches(['r', '#', '"']).to_owned()
}

#[test]
fn code_comments_and_texts_are_told_apart() {
    let text = r##"let a = "// no \" comment"; /* a /* b */ "c" */ let b = r#"x " y"#; let c: &'a str = '"'; // "end"##;
    let code = only(text, &[Kind::Code]);
    assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), "let a = ; let b = ; let c: &'a str = ;");
    let comments = only(text, &[Kind::Comment]);
    assert!(
        comments.contains("/* b */ \"c\" */") && comments.contains("// \"end") && !comments.contains("no"),
        "{comments}"
    );
}

#[test]
fn functions_have_their_texts_and_lines_and_tests_are_left_out() {
    let text = "impl A {\n    pub async fn one(a: [u8; 3])\n    -> u8 {\n        q(\"update  x \\\n          set y\") } // }\n}\n\
                trait T { fn none(&self); }\n#[cfg(test)]\nmod tests { fn two() {} }\nfn three() {}\n";
    let found = functions(&without_tests(text));
    let names: Vec<&str> = found.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["one", "three"]);
    assert_eq!((found[0].before.as_str(), found[0].line, found[0].lines), ("pub async", 2, 4));
    assert_eq!(found[0].texts, ["update x set y"]);
}
