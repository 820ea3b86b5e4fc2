//! The networks of locations, by which devices find where they stand.

use fitment_domain::id::{ClientId, LocationId};
use fitment_domain::location::{Network, Place, parse_network};
use fitment_domain::tenant::Location;
use sqlx::query;

use crate::row::Row;
use crate::{Result, Tx};

impl Tx {
    /// Makes these the networks of a location. One that another location of the same client has is a conflict.
    pub async fn set_networks(&mut self, location: &Location, networks: &[Network]) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "delete from location_networks where tenant_id = $1 and client_id = $2 and location_id = $3";
        let statement = query(sql).bind(tenant.as_str()).bind(location.client.as_str()).bind(location.id.as_str());
        self.execute(statement).await?;
        for network in networks {
            let sql =
                "insert into location_networks (tenant_id, client_id, network, location_id) values ($1, $2, $3, $4)";
            let statement = query(sql).bind(tenant.as_str()).bind(location.client.as_str());
            self.execute(statement.bind(network.network.to_string()).bind(location.id.as_str())).await?;
        }
        Ok(())
    }

    /// Returns the networks of all locations of a client.
    pub async fn networks(&mut self, client: &ClientId) -> Result<Vec<Network>> {
        let tenant = self.tenant()?;
        let sql = "select client_id, network, location_id from location_networks \
                   where tenant_id = $1 and client_id = $2 order by network";
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(client.as_str())).await?;
        let read = |row| {
            let row = Row::of("location_networks", row);
            Ok(Network {
                network: row.parsed("network", parse_network)?,
                location: row.parsed("location_id", LocationId::parse)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Returns the locations of a client, with its name.
    pub async fn places(&mut self, client: &ClientId) -> Result<Vec<Place>> {
        let tenant = self.tenant()?;
        let sql = "select l.id, l.client_id, l.name, c.name as client_name from locations l \
                   join clients c on c.tenant_id = l.tenant_id and c.id = l.client_id \
                   where l.tenant_id = $1 and l.client_id = $2 order by l.name, l.id";
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(client.as_str())).await?;
        let read = |row| {
            let row = Row::of("locations", row);
            let location = Location {
                id: row.parsed("id", LocationId::parse)?,
                client: row.parsed("client_id", ClientId::parse)?,
                name: row.text("name")?,
            };
            Ok(Place { location, client_name: row.text("client_name")? })
        };
        rows.iter().map(read).collect()
    }
}
