fn main() { println!("{}", serde_json::to_string_pretty(&topology::document::schema()).unwrap_or_default()); }
