//! VPCs that are found through a stack, and what is done about stacks.

use crate::{right, vpc, wrong};
use insta::assert_snapshot;
use topology::document::read_all;
use topology::network::StackRepair;

const REST: &str = "cidr: 10.0.0.0/16\navailability_zones: [a]";

fn of(lines: &str) -> String {
    right(&vpc(&format!("{lines}\n{REST}"))).vpcs["main"].stack.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_vpc_is_found_through_its_stack() {
    assert_eq!(of("stack: network"), "MainVpc of stack network");
    assert_eq!(of("stack: { name: network }"), "MainVpc of stack network");
    assert_eq!(of("stack: { name: network, logical_id: VPC }"), "VPC of stack network");
    assert_eq!(of(""), "");
}

#[test]
fn a_stack_is_named_by_its_name() {
    assert_snapshot!(wrong(&vpc(&format!("stack: arn:aws:cloudformation:eu-west-1:111122223333:stack/network/1f2e\n{REST}"))), @"
    error[stack-name]: `arn:aws:cloudformation:eu-west-1:111122223333:stack/network/1f2e` is not the name of a stack
     --> topology.yaml:6:12
      |
    6 |     stack: arn:aws:cloudformation:eu-west-1:111122223333:stack/network/1f2e
      |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write the stack's name: `network`

    1 problem
    ");
    assert_snapshot!(wrong(&vpc(&format!("stack: {{ logical_id: Main-Vpc }}\n{REST}"))), @"
    error[missing-key]: `name` is missing
     --> topology.yaml:6:12
      |
    6 |     stack: { logical_id: Main-Vpc }
      |            ^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write `name: network`

    1 problem
    ");
    assert_snapshot!(wrong(&vpc(&format!("stack: {{ name: 1network, logical_id: Main-Vpc }}\n{REST}"))), @"
    error[stack-name]: `1network` is not the name of a stack
     --> topology.yaml:6:20
      |
    6 |     stack: { name: 1network, logical_id: Main-Vpc }
      |                    ^^^^^^^^
      |
      = help: a name begins with a letter and has letters, digits and hyphens: `network`

    error[logical-id]: `Main-Vpc` is not a logical id
     --> topology.yaml:6:42
      |
    6 |     stack: { name: 1network, logical_id: Main-Vpc }
      |                                          ^^^^^^^^
      |
      = help: write the VPC's key under `Resources` in the stack's template: letters and digits, such as `MainVpc`

    2 problems
    ");
    assert_snapshot!(wrong(&vpc(&format!("stack: network\nid: vpc-0123456789abcdef0\n{REST}"))), @"
    error[stack-and-id]: the VPC is named twice: by its stack and by its id
     --> topology.yaml:6:12
      |
    6 |     stack: network
      |            ^^^^^^^
    7 |     id: vpc-0123456789abcdef0
      |         --------------------- the id
      |
      = help: keep one of `stack` and `id`

    1 problem
    ");
}

#[test]
fn one_resource_is_one_vpc() {
    let two = format!(
        "{}  other:\n    stack: {{ name: network, logical_id: MainVpc }}\n    cidr: 10.1.0.0/16\n    availability_zones: [a]\n",
        vpc(&format!("stack: network\n{REST}"))
    );
    assert_snapshot!(wrong(&two), @"
    error[vpc-twice]: two VPCs are MainVpc of stack network
      --> topology.yaml:10:12
       |
     6 |     stack: network
       |            ------- first here
    ...
    10 |     stack: { name: network, logical_id: MainVpc }
       |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: a VPC is declared once; say which resource of the stack it is: `{ name: …, logical_id: … }`

    1 problem
    ");
    let document = |id: &str, region: &str| {
        vpc(&format!("stack: network\n{REST}")).replace("id: net", &format!("id: {id}\nregion: {region}"))
    };
    let files = |one: &str, two: &str| {
        [("a.yaml".to_owned(), document("one", one)), ("b.yaml".to_owned(), document("two", two))]
    };
    let catalog = read_all(files("eu-west-1", "eu-west-1"));
    assert!(catalog.topologies.is_empty());
    assert!(catalog.refused[0].problems.to_string().contains("two documents name the VPC MainVpc of stack network"));
    assert_eq!(read_all(files("eu-west-1", "eu-central-1")).topologies.len(), 2, "two stacks of one name");
}

#[test]
fn a_stack_is_repaired_only_where_the_document_says_so() {
    let with = |line: &str| right(&vpc(REST).replace("id: net", &format!("id: net\n{line}"))).stack_repair;
    assert_eq!(with("mode: enforce"), StackRepair::Report);
    assert_eq!(with("stack_repair: report"), StackRepair::Report);
    assert_eq!(with("stack_repair: execute"), StackRepair::Execute);
    assert_snapshot!(wrong(&vpc(REST).replace("id: net", "id: net\nstack_repair: yes-please")), @"
    error[unknown-word]: `yes-please` is not a choice here
     --> topology.yaml:3:15
      |
    3 | stack_repair: yes-please
      |               ^^^^^^^^^^
      |
      = help: write one of: `report`, `execute`

    1 problem
    ");
}
