//! Logical ids: letters and digits only, and never another one for the same name, because a new id is a new resource.

/// The id of a part: each name in capitals-and-letters, then what it is.
pub(super) fn logical(names: &[&str], what: &str) -> String {
    names.iter().map(|name| part(name)).collect::<String>() + what
}

/// `ecs-tasks` is `EcsTasks`. A name that another name could look like in this form (`web1` and `web-1`) carries a
/// digest of its own, whether or not that other name exists: adding one must not rename the resources of the other.
fn part(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let id: String = words
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        })
        .collect();
    let mut back = String::new();
    for (at, c) in id.char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            back.push('-');
        }
        back.push(c.to_ascii_lowercase());
    }
    // Names that differ only in case or punctuation are refused when the document is read.
    let plain = name.to_ascii_lowercase().replace(['.', '_', ' '], "-");
    if back == plain { id } else { format!("{id}{:08x}", digest(name)) }
}

/// FNV-1a: stable for ever, unlike the standard library's hasher.
fn digest(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::logical;

    #[test]
    fn ids_read_like_the_names_and_tell_similar_names_apart() {
        assert_eq!(logical(&["main", "ecs-tasks"], "SecurityGroup"), "MainEcsTasksSecurityGroup");
        assert_eq!(logical(&["main", "ecr.api"], "Endpoint"), "MainEcrApiEndpoint");
        assert_eq!(logical(&["main", "web1"], ""), "MainWeb1");
        assert_ne!(logical(&["main", "web-1"], ""), logical(&["main", "web1"], ""));
        assert_ne!(logical(&["My Group"], ""), logical(&["my-group2"], ""));
    }
}
