//! From an alert to a category, and from the category to board and priority. The rules live in the database.

use serde::{Deserialize, Serialize};

use crate::id::{CategoryId, RuleId};
use crate::manifest::AccessoryName;

/// A category of tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    pub id: CategoryId,
    pub name: String,
    pub description: String,
    /// The board, by its name in the other system.
    pub board: String,
    /// The priority, as the other system writes it.
    pub priority: Option<String>,
}

/// A rule: what is left empty matches anything; the lowest position that matches wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub id: RuleId,
    pub position: i64,
    pub accessory: Option<AccessoryName>,
    pub condition: Option<String>,
    pub category: CategoryId,
}

/// What a rule looks at.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    pub accessory: &'a AccessoryName,
    pub condition: &'a str,
}

impl Rule {
    /// Returns whether the rule speaks of this subject.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.accessory.as_ref().is_none_or(|a| a == subject.accessory)
            && self.condition.as_deref().is_none_or(|c| c == subject.condition)
    }
}

/// Picks the rule that decides; none if no rule matches.
pub fn pick<'a>(rules: &'a [Rule], subject: &Subject<'_>) -> Option<&'a Rule> {
    rules.iter().filter(|rule| rule.matches(subject)).min_by_key(|rule| (rule.position, rule.id.as_str()))
}

/// The name of the category that takes what no rule speaks of.
pub const FALLBACK_CATEGORY: &str = "Diagnostic-Check";

/// A category that every new tenant starts with.
#[derive(Debug, Clone, Copy)]
pub struct DefaultCategory {
    pub name: &'static str,
    pub description: &'static str,
    pub board: &'static str,
    pub priority: &'static str,
    /// Conditions of monitors that belong here from the start.
    pub conditions: &'static [&'static str],
}

const fn category(
    name: &'static str,
    description: &'static str,
    board: &'static str,
    conditions: &'static [&'static str],
) -> DefaultCategory {
    DefaultCategory { name, description, board, priority: "50", conditions }
}

/// The ten categories that every new tenant starts with; all of them editable.
pub const DEFAULT_CATEGORIES: &[DefaultCategory] = &[
    category("Anti-Virus", "Malware and its definitions", "Alerts", &[]),
    category("Backup", "Backups that failed or are late", "Alerts", &[]),
    category("Database", "Database servers", "Alerts", &[]),
    category(FALLBACK_CATEGORY, "What a monitor saw and no other category takes", "Alerts", &[]),
    category("Disk Drive", "Full or failing disks", "Alerts", &["space", "inodes"]),
    category("E-mail problems", "Mail that does not come or go", "Service Desk", &[]),
    category("EventLogs", "Entries of system and application logs", "Alerts", &[]),
    category("General Questions", "Anything that people ask", "Service Desk", &[]),
    category("Hardware", "Machines and their parts", "Alerts", &[]),
    category("How Do I", "Requests for instruction", "Service Desk", &[]),
];
