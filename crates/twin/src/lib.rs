//! In-memory twins of the ports, for properties and scenarios.
