//! What a document resolves to.

use crate::right;
use topology::{ControlId, Mode};

#[test]
fn mode_is_observe_unless_the_document_says_otherwise() {
    let head =
        "version: 1\nid: net\nenvironment: staging\nvpcs: { main: { cidr: 10.0.0.0/16, availability_zones: [a] } }\n";
    assert_eq!(right(head).mode(ControlId::SecurityGroups), Mode::Observe);
    assert_eq!(right(&format!("{head}mode: enforce\n")).mode(ControlId::SecurityGroups), Mode::Enforce);
    let mixed = format!("{head}mode: enforce\ncontrols: {{ security-groups: {{ mode: observe }} }}\n");
    assert_eq!(right(&mixed).mode(ControlId::SecurityGroups), Mode::Observe);
}
