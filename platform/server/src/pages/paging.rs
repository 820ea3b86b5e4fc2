//! Long lists, a page at a time.

/// Rows on one page of a list.
const ON_PAGE: usize = 50;

/// Which page of a list that is not narrowed.
#[derive(serde::Deserialize)]
pub(super) struct WhichPage {
    #[serde(default)]
    pub(super) page: usize,
    /// Of which part of it.
    #[serde(default)]
    pub(super) after: String,
}

/// Returns what was entered; none if that is nothing.
pub(super) fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// One page of a list, and the ways to its neighbours.
pub(super) struct Paging {
    at: usize,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    /// There is more than was read for this page: the list goes on behind its last page.
    pub(super) more: bool,
}

impl Paging {
    /// Makes the page with this number of a list at this path, narrowed by this query, in which so many rows were found. Beyond
    /// the end it is the last one.
    pub(super) fn new(path: &str, query: &[(&str, &str)], page: usize, found: usize) -> Self {
        Self::of_part(path, query, "", page, found, None)
    }

    /// The same of a list that is read in parts: these rows were found in the part after a place, and the list goes on at `next`.
    pub(super) fn of_part(
        path: &str,
        query: &[(&str, &str)],
        after: &str,
        page: usize,
        found: usize,
        next: Option<&str>,
    ) -> Self {
        let at = page.min(found.saturating_sub(1) / ON_PAGE);
        let address = |after: &str, page: usize| {
            let mut words = form_urlencoded::Serializer::new(String::new());
            words.extend_pairs(query.iter().filter(|(name, value)| !value.is_empty() || *name == "state"));
            words.extend_pairs((!after.is_empty()).then_some(("after", after)));
            format!("{path}?{}", words.append_pair("page", &page.to_string()).finish())
        };
        let in_this_part = ((at + 1) * ON_PAGE < found).then(|| address(after, at + 1));
        Self {
            at,
            before: at.checked_sub(1).map(|page| address(after, page)),
            after: in_this_part.or_else(|| next.map(|next| address(next, 0))),
            more: next.is_some(),
        }
    }

    /// Returns the rows of this page.
    pub(super) fn cut<T>(&self, rows: Vec<T>) -> Vec<T> {
        rows.into_iter().skip(self.at * ON_PAGE).take(ON_PAGE).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_on_one_page_and_no_page_is_empty() {
        let rows: Vec<usize> = (0..120).collect();
        let mut seen = Vec::new();
        for page in 0..3 {
            let paging = Paging::new("/x", &[("q", "a b"), ("state", "")], page, rows.len());
            seen.extend(paging.cut(rows.clone()));
            assert_eq!((paging.before.is_some(), paging.after.is_some()), (page > 0, page < 2));
            if page == 0 {
                assert_eq!(paging.after.as_deref(), Some("/x?q=a+b&state=&page=1"));
            }
        }
        assert_eq!(seen, rows);
        let beyond = Paging::new("/x", &[], 9, 100);
        assert_eq!((beyond.cut(rows).len(), beyond.before.as_deref(), beyond.after), (50, Some("/x?page=0"), None));
        assert!(Paging::new("/x", &[], 0, 0).after.is_none());
        let part = |page| Paging::of_part("/x", &[("state", "open")], "0.7.a", page, 100, Some("0.3.b"));
        assert_eq!(part(0).after.as_deref(), Some("/x?state=open&after=0.7.a&page=1"));
        assert_eq!(part(1).after.as_deref(), Some("/x?state=open&after=0.3.b&page=0"), "it goes on in the next part");
        assert!(part(0).more && !Paging::new("/x", &[], 0, 100).more);
    }
}
