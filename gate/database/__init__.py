"""The one database of a site: tables, connections, migrations. It knows SQL and nothing of the domain."""
