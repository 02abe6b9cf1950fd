//! Connectors: MCP clients, one isolated server each. Every call consumes a [`Permit`](crate::access::Permit).
