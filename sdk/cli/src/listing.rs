//! Which part of a list that the marketplace gives in parts.

/// What narrows a list, and where it begins.
#[derive(Debug, Default, clap::Args)]
pub struct Part {
    /// Only those in this state
    #[arg(long)]
    state: Option<String>,
    /// Go on where the last answer ended: its `next`
    #[arg(long)]
    after: Option<String>,
}

impl Part {
    /// Returns the query that asks for it.
    pub fn query(&self) -> Vec<(&'static str, &str)> {
        let given = [("state", &self.state), ("after", &self.after)];
        given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}
