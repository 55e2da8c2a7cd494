//! The table that says which component of each reference is where, and what keeps it.

use crate::{NAMES, network, workload};
use e2e::template;
use std::collections::BTreeSet;

/// Each `Resource` of the table's third column is in the templates of its system, so that the table cannot outlive them.
#[test]
fn the_table_names_resources_that_exist() {
    let readme = std::fs::read_to_string(template::root().join("README.md")).unwrap();
    let mut rows = vec![];
    let mut system = None;
    for line in readme.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if !line.starts_with('|') || cells.len() != 4 {
            system = None;
        } else if cells[0] == "reference" {
            system = Some("");
        } else if system.is_some() && !cells[0].starts_with("---") {
            if !cells[0].is_empty() {
                system = NAMES.iter().find(|name| cells[0].contains(**name)).copied();
                assert!(system.is_some(), "{line}");
            }
            rows.push((system.unwrap(), cells[1].to_owned(), cells[2].to_owned(), cells[3].to_owned()));
        }
    }
    let systems: BTreeSet<&str> = rows.iter().map(|(system, ..)| *system).collect();
    assert_eq!(systems, BTreeSet::from(NAMES));
    for (system, component, place, keeper) in rows {
        assert!(!component.is_empty() && !keeper.is_empty(), "{system}: {component}");
        let (workload, network) = (workload(system), network(system));
        let known: BTreeSet<&str> = workload
            .resources()
            .map(|(id, _)| id)
            .chain(network["Resources"].as_object().unwrap().keys().map(String::as_str))
            .collect();
        let named: Vec<&str> = place.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{system}: {component} is nowhere");
        for id in named {
            // `Main*Subnet` stands for all of that form; what Plumbline makes itself is a line of the document.
            let found = match id.split_once('*') {
                Some((begin, end)) => known.iter().any(|known| known.starts_with(begin) && known.ends_with(end)),
                None => known.contains(id) || id.ends_with(':') || id.ends_with(".yaml"),
            };
            assert!(found, "{system}: {component}: there is no {id}");
        }
    }
}
