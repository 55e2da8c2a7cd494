//! The document's frame: keys, types, words, and what they default to.

use crate::{groups, right, vpc, wrong};
use insta::assert_snapshot;
use topology::document::{read, schema};
use topology::network::State;
use topology::{ControlId, Mode};

#[test]
fn mode_is_observe_unless_the_document_says_otherwise() {
    let head = vpc("cidr: 10.0.0.0/16\navailability_zones: [a]");
    assert_eq!(right(&head).mode(ControlId::SecurityGroups), Mode::Observe);
    assert_eq!(right(&format!("{head}mode: enforce\n")).mode(ControlId::SecurityGroups), Mode::Enforce);
    let mixed = format!("{head}mode: enforce\ncontrols: {{ security-groups: {{ mode: observe }} }}\n");
    assert_eq!(right(&mixed).mode(ControlId::SecurityGroups), Mode::Observe);
}

#[test]
fn every_control_can_be_set_apart() {
    let schema = schema();
    for control in ControlId::ALL {
        assert!(schema["$defs"]["Controls"]["properties"][control.name()].is_object(), "{control}");
    }
}

#[test]
fn account_region_and_state_are_optional() {
    let head = vpc("cidr: 10.0.0.0/16\navailability_zones: [a]");
    let bare = right(&head);
    assert_eq!((bare.account, bare.region, bare.state), (None, None, State::Active));
    let full = right(&format!("{head}account: \"012345678901\"\nregion: us-gov-west-1\nstate: retired\n"));
    assert_eq!(full.account, Some("012345678901".into()));
    assert_eq!((full.region, full.state), (Some("us-gov-west-1".into()), State::Retired));
}

#[test]
fn missing_keys_are_all_named() {
    assert_snapshot!(wrong("mode: enforce\nvpcs: { main: {} }\n"), @"
    error[missing-key]: `version` is missing
     --> topology.yaml:1:1
      |
    1 | mode: enforce
      | ^^^^^^^^^^^^^
      |
      = help: write `version: 1`

    error[missing-key]: `id` is missing
     --> topology.yaml:1:1
      |
    1 | mode: enforce
      | ^^^^^^^^^^^^^
      |
      = help: write `id: my-network`

    error[missing-key]: `environment` is missing
     --> topology.yaml:1:1
      |
    1 | mode: enforce
      | ^^^^^^^^^^^^^
      |
      = help: write `environment: production`

    error[missing-key]: `cidr` is missing
     --> topology.yaml:2:15
      |
    2 | vpcs: { main: {} }
      |               ^
      |
      = help: write `cidr: 10.0.0.0/16`

    error[missing-key]: `availability_zones` is missing
     --> topology.yaml:2:15
      |
    2 | vpcs: { main: {} }
      |               ^
      |
      = help: write `availability_zones: [a, b]`

    5 problems
    ");
    assert_snapshot!(wrong("version: 1\nid: net\nenvironment: staging\n"), @"
    error[missing-key]: `vpcs` is missing
     --> topology.yaml:1:1
      |
    1 | version: 1
      | ^^^^^^^^^^
      |
      = help: write `vpcs: { main: { cidr: 10.0.0.0/16, … } }`

    1 problem
    ");
    assert_snapshot!(wrong("version: 1\nid: net\nenvironment: staging\nvpcs: {}\n"), @"
    error[no-vpc]: a topology has at least one VPC
     --> topology.yaml:4:7
      |
    4 | vpcs: {}
      |       ^
      |
      = help: write `vpcs: { main: { … } }`

    1 problem
    ");
}

#[test]
fn unknown_keys_and_words_come_with_a_suggestion() {
    assert_snapshot!(wrong("version: 2
id: Net 1
enviroment: staging
mode: enforced
controls: { security_groups: { mode: observe } }
vpcs:
  main:
    cidr: 10.0.0.0/16
    azs: [a]
    availability_zones: [a]
    subnets: []
    colour: red
"), @"
    error[version]: this version of the format is not known
     --> topology.yaml:1:10
      |
    1 | version: 2
      |          ^
      |
      = help: write `version: 1`

    error[name]: `Net 1` cannot be a topology id
     --> topology.yaml:2:5
      |
    2 | id: Net 1
      |     ^^^^^
      |
      = help: use lower-case letters, digits and `-`, beginning with a letter, at most 63 characters: `net-1`

    error[unknown-key]: unknown key `enviroment`
     --> topology.yaml:3:1
      |
    3 | enviroment: staging
      | ^^^^^^^^^^
      |
      = help: did you mean `environment`? The choice is: `version`, `id`, `environment`, `mode`, `controls`, `account`, `region`, `state`, `stack_repair`, `maintenance`, `vpcs`, `privatelink`

    error[unknown-word]: `enforced` is not a choice here
     --> topology.yaml:4:7
      |
    4 | mode: enforced
      |       ^^^^^^^^
      |
      = help: did you mean `enforce`? The choice is: `observe`, `enforce`

    error[unknown-key]: unknown key `security_groups`
     --> topology.yaml:5:13
      |
    5 | controls: { security_groups: { mode: observe } }
      |             ^^^^^^^^^^^^^^^
      |
      = help: did you mean `security-groups`? The choice is: `security-groups`, `flow-logs`, `nat`, `privatelink`, `routes`, `exposure`, `endpoints`

    error[unknown-key]: unknown key `azs`
     --> topology.yaml:9:5
      |
    9 |     azs: [a]
      |     ^^^
      |
      = help: write `availability_zones: [a, b]`

    error[unknown-key]: unknown key `subnets`
      --> topology.yaml:11:5
       |
    11 |     subnets: []
       |     ^^^^^^^
       |
       = help: subnets belong to a tier: `tiers: { public: { route: internet, subnets: […] } }`

    error[unknown-key]: unknown key `colour`
      --> topology.yaml:12:5
       |
    12 |     colour: red
       |     ^^^^^^
       |
       = help: write one of: `id`, `stack`, `cidr`, `availability_zones`, `dns`, `internet_gateway`, `tiers`, `nat`, `flow_logs`, `endpoints`, `security_groups`, `undeclared_security_groups`

    8 problems
    ");
}

#[test]
fn values_have_the_type_that_is_expected() {
    assert_snapshot!(wrong("version: one
id: 7
environment: [staging]
account: 012345678901
region: eu-west-1a
vpcs:
  main:
    cidr: { range: 10.0.0.0/16 }
    availability_zones: a
    dns: true
    internet_gateway: yes
    security_groups: [web]
"), @r#"
    error[wrong-type]: expected a whole number, found the text `one`
     --> topology.yaml:1:10
      |
    1 | version: one
      |          ^^^
      |
      = help: write a number, without quotes

    error[wrong-type]: expected text, found `7`
     --> topology.yaml:2:5
      |
    2 | id: 7
      |     ^
      |
      = help: quote it: "7"

    error[wrong-type]: expected a word, found a list
     --> topology.yaml:3:14
      |
    3 | environment: [staging]
      |              ^^^^^^^^
      |
      = help: write one of: `production`, `staging`, `development`

    error[wrong-type]: expected text, found `012345678901`
     --> topology.yaml:4:10
      |
    4 | account: 012345678901
      |          ^^^^^^^^^^^^
      |
      = help: quote it: "012345678901"

    error[region]: `eu-west-1a` is not a Region
     --> topology.yaml:5:9
      |
    5 | region: eu-west-1a
      |         ^^^^^^^^^^
      |
      = help: that names an Availability Zone; write its Region: `eu-west-1`

    error[wrong-type]: expected text, found a mapping
     --> topology.yaml:8:11
      |
    8 |     cidr: { range: 10.0.0.0/16 }
      |           ^^^^^^^^^^^^^^^^^^^^
      |
      = help: write one value

    error[wrong-type]: expected a list, found the text `a`
     --> topology.yaml:9:25
      |
    9 |     availability_zones: a
      |                         ^
      |
      = help: write a list: `[…]`, or one `- …` a line

    error[wrong-type]: expected a mapping, found `true`
      --> topology.yaml:10:10
       |
    10 |     dns: true
       |          ^^^^
       |
       = help: it may have: `support`, `hostnames`

    error[wrong-type]: expected `true` or `false`, found the text `yes`
      --> topology.yaml:11:23
       |
    11 |     internet_gateway: yes
       |                       ^^^
       |
       = help: write `true`

    error[wrong-type]: expected a mapping of names, found a list
      --> topology.yaml:12:22
       |
    12 |     security_groups: [web]
       |                      ^^^^
       |
       = help: write a mapping: `name: …`, one a line; `{}` is an empty one

    10 problems
    "#);
}

#[test]
fn a_vpc_is_adopted_by_a_real_id_once() {
    assert_snapshot!(wrong("version: 1
id: net
environment: staging
vpcs:
  one: { id: vpc-main, cidr: 10.0.0.0/16, availability_zones: [a] }
  two: { id: vpc-0123456789abcdef0, cidr: 10.1.0.0/16, availability_zones: [a] }
  three: { id: vpc-0123456789abcdef0, cidr: 10.2.0.0/16, availability_zones: [a] }
"), @"
    error[id]: `vpc-main` is not the id of a VPC
     --> topology.yaml:5:14
      |
    5 |   one: { id: vpc-main, cidr: 10.0.0.0/16, availability_zones: [a] }
      |              ^^^^^^^^
      |
      = help: write `vpc-` and the 8 or 17 hexadecimal digits that AWS shows

    error[vpc-twice]: two VPCs name `vpc-0123456789abcdef0`
     --> topology.yaml:7:16
      |
    6 |   two: { id: vpc-0123456789abcdef0, cidr: 10.1.0.0/16, availability_zones: [a] }
      |              --------------------- first here
    7 |   three: { id: vpc-0123456789abcdef0, cidr: 10.2.0.0/16, availability_zones: [a] }
      |                ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: a VPC is declared once

    2 problems
    ");
}

#[test]
fn a_key_is_written_once_and_merge_keys_are_not_read() {
    assert_snapshot!(wrong(&groups("web: &web { ingress: [] }
db:
  <<: *web
  egress: []
  egress: []")), @"
    error[merge-key]: merge keys (`<<`) are not read
      --> topology.yaml:11:9
       |
    11 |         <<: *web
       |         ^^
       |
       = help: write the keys out, or share a whole value with an anchor and an alias

    error[duplicate-key]: `egress` is written twice
      --> topology.yaml:13:9
       |
    12 |         egress: []
       |         ------ first here
    13 |         egress: []
       |         ^^^^^^
       |
       = help: keep one of the two

    2 problems
    ");
}

#[test]
fn anchors_and_aliases_share_values() {
    let topology = right(&groups(
        "web: { egress: &out [{ protocol: all, to: 0.0.0.0/0 }] }
db: { egress: *out }",
    ));
    let groups = topology.security_groups.unwrap().vpcs["main"].groups.clone();
    assert_eq!(groups["web"].egress, groups["db"].egress);
}

#[test]
fn text_that_is_not_yaml_is_refused_at_its_place() {
    assert_snapshot!(wrong("version: 1\nid: [net\n"), @"
    error[yaml]: this is not YAML: unclosed bracket '['
     --> topology.yaml:2:5
      |
    2 | id: [net
      |     ^
      |
      = help: compare with a topology that holds; text with `: `, ` #` or a leading `*`, `&`, `[`, `{` needs quotes

    1 problem
    ");
    assert_snapshot!(wrong("version: 1\n---\nversion: 1\n"), @"
    error[yaml]: a second document begins here
     --> topology.yaml:2:1
      |
    2 | ---
      | ^^^
      |
      = help: write one topology a file

    1 problem
    ");
    assert_snapshot!(wrong("a: &x [*x]\n"), @"
    error[yaml]: this alias is within the value that it stands for
     --> topology.yaml:1:8
      |
    1 | a: &x [*x]
      |        ^^
      |
      = help: write the value out; an alias can only repeat what was written before it

    1 problem
    ");
    assert_snapshot!(wrong(""), @"
    error[wrong-type]: expected a mapping, found nothing
     --> topology.yaml:1:1
      |
    1 |
      | ^
      |
      = help: it may have: `version`, `id`, `environment`, `mode`, `controls`, `account`, `region`, `state`, `stack_repair`, `maintenance`, `vpcs`, `privatelink`

    1 problem
    ");
    assert_snapshot!(wrong("just words\n"), @"
    error[wrong-type]: expected a mapping, found the text `just words`
     --> topology.yaml:1:1
      |
    1 | just words
      | ^^^^^^^^^^
      |
      = help: it may have: `version`, `id`, `environment`, `mode`, `controls`, `account`, `region`, `state`, `stack_repair`, `maintenance`, `vpcs`, `privatelink`

    1 problem
    ");
}

#[test]
fn problems_are_data_too() {
    let problems = read("net.yaml", &groups("web: { ingress: [{ tcp: 80, from: 10.0.0.1/8 }] }")).unwrap_err();
    assert_snapshot!(serde_json::to_string_pretty(&problems).unwrap(), @r#"
    [
      {
        "file": "net.yaml",
        "line": 9,
        "column": 41,
        "code": "cidr-not-canonical",
        "title": "`10.0.0.1/8` has bits set behind its prefix length",
        "text": "10.0.0.1/8",
        "help": "AWS keeps the canonical form: write `10.0.0.0/8`"
      }
    ]
    "#);
}

#[test]
fn colour_is_asked_for() {
    let problems = read("net.yaml", "version: 2\n").unwrap_err();
    assert!(problems.render(true).contains('\u{1b}'));
    assert!(!problems.render(false).contains('\u{1b}'));
}
