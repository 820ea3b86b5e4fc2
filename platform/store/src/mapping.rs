//! Categories of tickets, and the rules that choose among them.

use fitment_domain::id::{CategoryId, RuleId};
use fitment_domain::manifest::AccessoryName;
use fitment_domain::mapping::{Category, Rule};
use sqlx::query;

use crate::row::Row;
use crate::transaction::Statement;
use crate::{Result, Tx};

fn category(row: &Row<'_>) -> Result<Category> {
    Ok(Category {
        id: row.parsed("id", CategoryId::parse)?,
        name: row.text("name")?,
        description: row.text("description")?,
        board: row.text("board")?,
        priority: row.text_opt("priority")?,
    })
}

fn rule(row: &Row<'_>) -> Result<Rule> {
    Ok(Rule {
        id: row.parsed("id", RuleId::parse)?,
        position: row.int("position")?,
        accessory: row.parsed_opt("accessory", AccessoryName::parse)?,
        condition: row.text_opt("condition")?,
        category: row.parsed("category_id", CategoryId::parse)?,
    })
}

fn bound<'q>(statement: Statement<'q>, tenant: &'q str, category: &'q Category) -> Statement<'q> {
    let statement = statement.bind(tenant).bind(category.id.as_str()).bind(&category.name);
    statement.bind(&category.description).bind(&category.board).bind(category.priority.as_deref())
}

impl Tx {
    /// Keeps a new category; names are given once.
    pub async fn insert_category(&mut self, category: &Category) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "insert into categories (tenant_id, id, name, description, board, priority) values ($1, $2, $3, $4, $5, $6)";
        self.execute(bound(query(sql), tenant.as_str(), category)).await?;
        Ok(())
    }

    /// Changes a category. Returns whether it is there.
    pub async fn update_category(&mut self, category: &Category) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = "update categories set name = $3, description = $4, board = $5, priority = $6 where tenant_id = $1 and id = $2";
        Ok(self.execute(bound(query(sql), tenant.as_str(), category)).await? > 0)
    }

    /// Returns the categories by name.
    pub async fn categories(&mut self) -> Result<Vec<Category>> {
        let (tenant, _all_clients_have_the_same) = self.part()?;
        let sql =
            "select id, name, description, board, priority from categories where tenant_id = $1 order by name, id";
        let rows = self.rows(query(sql).bind(tenant.as_str())).await?;
        rows.iter().map(|row| category(&Row::of("categories", row))).collect()
    }

    /// Returns a category.
    pub async fn category(&mut self, id: &CategoryId) -> Result<Option<Category>> {
        let tenant = self.tenant()?;
        let sql = "select id, name, description, board, priority from categories where tenant_id = $1 and id = $2";
        let found = self.row(query(sql).bind(tenant.as_str()).bind(id.as_str())).await?;
        found.map(|row| category(&Row::of("categories", &row))).transpose()
    }

    /// Keeps a new rule.
    pub async fn insert_rule(&mut self, rule: &Rule) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "insert into rules (tenant_id, id, position, accessory, condition, category_id) values ($1, $2, $3, $4, $5, $6)";
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(rule.id.as_str())
            .bind(rule.position)
            .bind(rule.accessory.as_ref().map(AccessoryName::to_string))
            .bind(rule.condition.as_deref())
            .bind(rule.category.as_str());
        self.execute(statement).await?;
        Ok(())
    }

    /// Removes a rule. Returns whether it was there.
    pub async fn delete_rule(&mut self, id: &RuleId) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = "delete from rules where tenant_id = $1 and id = $2";
        Ok(self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str())).await? > 0)
    }

    /// Returns the rules by position.
    pub async fn rules(&mut self) -> Result<Vec<Rule>> {
        let (tenant, _all_clients_have_the_same) = self.part()?;
        let sql = "select id, position, accessory, condition, category_id from rules where tenant_id = $1 order by position, id";
        let rows = self.rows(query(sql).bind(tenant.as_str())).await?;
        rows.iter().map(|row| rule(&Row::of("rules", row))).collect()
    }
}
