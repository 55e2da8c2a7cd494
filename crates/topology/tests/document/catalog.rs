//! Many documents: one that is broken disturbs no other, and two that claim the same thing are both refused.

use crate::vpc;
use insta::assert_snapshot;
use topology::document::{Catalog, read_all};

fn document(id: &str, vpc_id: &str) -> String {
    vpc(&format!("{vpc_id}cidr: 10.0.0.0/16\navailability_zones: [a]")).replace("id: net", &format!("id: {id}"))
}

fn catalog(files: &[(&str, String)]) -> Catalog {
    read_all(files.iter().map(|(file, text)| ((*file).to_owned(), text.clone())))
}

fn held(catalog: &Catalog) -> Vec<&str> {
    catalog.topologies.iter().map(|topology| topology.id.as_str()).collect()
}

#[test]
fn a_broken_document_is_refused_by_its_id_and_the_others_hold() {
    let catalog = catalog(&[
        ("b.yaml", document("two", "").replace("10.0.0.0/16", "10.0.0.0/99")),
        ("a.yaml", document("one", "")),
        ("c.yaml", "][".to_owned()),
    ]);
    assert_eq!(held(&catalog), ["one"]);
    let refused: Vec<(&str, Option<&str>)> = catalog
        .refused
        .iter()
        .map(|refused| (refused.file.as_str(), refused.id.as_ref().map(|id| id.as_str())))
        .collect();
    assert_eq!(refused, [("b.yaml", Some("two")), ("c.yaml", None)]);
}

#[test]
fn two_documents_with_one_id_are_both_refused() {
    let catalog =
        catalog(&[("a.yaml", document("net", "")), ("b.yaml", document("net", "")), ("c.yaml", document("other", ""))]);
    assert_eq!(held(&catalog), ["other"]);
    assert_eq!(catalog.refused.len(), 2);
    assert_snapshot!(catalog.refused[0].problems, @"
    error[id-twice]: two documents have the id `net`
     --> a.yaml:2:5
      |
    2 | id: net
      |     ^^^
      |
     ::: b.yaml:2:5
      |
    2 | id: net
      |     --- the other one
      |
      = help: give one of them another id, or remove it; until then neither is enforced

    1 problem
    ");
}

#[test]
fn two_documents_that_name_one_vpc_are_both_refused() {
    let id = "id: vpc-0123456789abcdef0\n";
    let catalog = catalog(&[("a.yaml", document("one", id)), ("b.yaml", document("two", id))]);
    assert_eq!(held(&catalog), [] as [&str; 0]);
    assert_snapshot!(catalog.refused[1].problems, @"
    error[vpc-twice]: two documents name the VPC `vpc-0123456789abcdef0`
     --> b.yaml:6:9
      |
    6 |     id: vpc-0123456789abcdef0
      |         ^^^^^^^^^^^^^^^^^^^^^
      |
     ::: a.yaml:6:9
      |
    6 |     id: vpc-0123456789abcdef0
      |         --------------------- the other one
      |
      = help: one network has one topology; until then neither is enforced

    1 problem
    ");
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let files = [("a.yaml", document("one", "")), ("b.yaml", document("two", "")), ("c.yaml", document("one", ""))];
    let mut reversed = files.clone();
    reversed.reverse();
    assert_eq!(catalog(&files).topologies, catalog(&reversed).topologies);
}
