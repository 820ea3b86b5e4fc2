//! Publishers' texts: markdown becomes HTML, and HTML in it does not. Links lead to the web by http and https only, and no
//! picture is fetched from anywhere.

use std::fmt;

use askama::filters::HtmlSafe;
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// HTML that was made here from markdown.
pub(super) struct Markup(String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

/// Renders markdown. Headings begin at the third level: the page's own stand above them.
pub(super) fn render(text: &str) -> Markup {
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let events = parser.filter_map(|event| match event {
        Event::Html(_) | Event::InlineHtml(_) => None,
        Event::Start(Tag::Image { .. }) => Some(Event::Text(CowStr::Borrowed("[picture: "))),
        Event::End(TagEnd::Image) => Some(Event::Text(CowStr::Borrowed("]"))),
        Event::Start(Tag::Link { link_type, dest_url, id, .. }) => {
            let dest_url = if leads_to_the_web(&dest_url) { dest_url } else { CowStr::Borrowed("#") };
            Some(Event::Start(Tag::Link { link_type, dest_url, title: CowStr::Borrowed(""), id }))
        }
        Event::Start(Tag::Heading { level, .. }) => {
            Some(Event::Start(Tag::Heading { level: lower(level), id: None, classes: Vec::new(), attrs: Vec::new() }))
        }
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(lower(level)))),
        other => Some(other),
    });
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, events);
    Markup(out)
}

fn leads_to_the_web(address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    address.starts_with("https://") || address.starts_with("http://")
}

fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_rendered_and_html_in_it_is_not() {
        let html =
            render("# Hello\n\n*A* `b` [c](https://example.com/d)\n\n| x | y |\n|---|---|\n| 1 | 2 |\n").to_string();
        for part in ["<h3>Hello</h3>", "<em>A</em>", "<code>b</code>", "href=\"https://example.com/d\"", "<table>"] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let bad = "<script>alert(1)</script>\n\na <img src=x onerror=alert(1)> b\n\n[x](javascript:alert(1)) [y](data:text/html,x) \
                   ![z](https://example.com/z.png) <javascript:alert(2)> `<i>`\n\n# h {onclick=alert(1)}\n";
        let html = render(bad).to_string();
        for part in ["<script", "<img", "onerror=", "href=\"javascript", "href=\"data", "example.com/z", "<i>"] {
            assert!(!html.contains(part), "{part}: {html}");
        }
        assert!(html.contains("[picture: z]") && html.contains("&lt;i&gt;"), "{html}");
    }
}
