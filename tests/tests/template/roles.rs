//! What each role may do, and on what.

use crate::template;
use e2e::template::{Template, list};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Actions that the Service Authorization Reference lists without a resource type, beside EC2's Describe calls.
const NO_RESOURCE: &[&str] = &[
    "arc-zonal-shift:ListAutoshifts",
    "ecs:ListClusters",
    "ecs:ListServices",
    "config:PutEvaluations",
    "cloudformation:BatchDescribeTypeConfigurations",
    "cloudformation:DescribeStackDriftDetectionStatus",
    "cloudtrail:DescribeTrails",
    "cloudwatch:ListManagedInsightRules",
    "elasticloadbalancing:DescribeLoadBalancers",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    // Takes a log group, and is refused with anything but `*`, as those tell who detect drift of log groups.
    "logs:DescribeIndexPolicies",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
];

/// Types of resources, each with condition keys.
type Bounds = &'static [(&'static str, &'static [&'static str])];

/// What bounds each change of a network: on a type of resource, the condition keys that the statement must carry.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html> says which keys a call knows.
const BOUNDS: &[(&str, Bounds)] = &[
    ("ec2:AcceptVpcEndpointConnections", &[("vpc-endpoint-service", &["aws:ResourceTag/plumbline:topology"])]),
    ("ec2:AllocateAddress", &[("elastic-ip", &["aws:RequestTag/plumbline:control"])]),
    ("ec2:AssociateRouteTable", &[("route-table", &["ec2:Vpc"]), ("subnet", &["ec2:Vpc"])]),
    // Which gateway is for the topology to say.
    ("ec2:AttachInternetGateway", &[("internet-gateway", &[]), ("vpc", &["ec2:VpcID"])]),
    // An address is somebody's own.
    ("ec2:AssociateAddress", &[("elastic-ip", &[]), ("network-interface", &["ec2:Vpc"])]),
    ("ec2:AuthorizeSecurityGroupEgress", &[("security-group", &["ec2:Vpc"])]),
    ("ec2:AuthorizeSecurityGroupIngress", &[("security-group", &["ec2:Vpc"])]),
    ("ec2:CreateFlowLogs", &[("vpc", &["ec2:VpcID"]), ("vpc-flow-log", &["aws:RequestTag/plumbline:control"])]),
    (
        "ec2:CreateNatGateway",
        &[
            // A declared address is the customer's own.
            ("elastic-ip", &[]),
            ("natgateway", &["aws:RequestTag/plumbline:control"]),
            ("subnet", &["ec2:Vpc"]),
            ("vpc", &["ec2:VpcID"]),
        ],
    ),
    ("ec2:CreateRoute", &[("route-table", &["ec2:Vpc"])]),
    ("ec2:CreateRouteTable", &[("route-table", &["aws:RequestTag/plumbline:control"]), ("vpc", &["ec2:VpcID"])]),
    (
        "ec2:CreateTags",
        &[
            ("elastic-ip", &["ec2:CreateAction"]),
            ("natgateway", &["ec2:CreateAction"]),
            ("route-table", &["ec2:CreateAction"]),
            ("vpc-endpoint", &["ec2:CreateAction"]),
            ("vpc-flow-log", &["ec2:CreateAction"]),
        ],
    ),
    (
        "ec2:CreateVpcEndpoint",
        &[
            ("route-table", &["ec2:Vpc"]),
            ("security-group", &["ec2:Vpc"]),
            ("subnet", &["ec2:Vpc"]),
            ("vpc", &["ec2:VpcID"]),
            ("vpc-endpoint", &["aws:RequestTag/plumbline:control"]),
        ],
    ),
    ("ec2:DeleteFlowLogs", &[("vpc-flow-log", &["aws:ResourceTag/plumbline:control"])]),
    ("ec2:DeleteNatGateway", &[("natgateway", &["aws:ResourceTag/plumbline:control"])]),
    ("ec2:DeleteRoute", &[("route-table", &["ec2:Vpc"])]),
    ("ec2:DeleteRouteTable", &[("route-table", &["aws:ResourceTag/plumbline:control", "ec2:Vpc"])]),
    ("ec2:DetachInternetGateway", &[("internet-gateway", &[]), ("vpc", &["ec2:VpcID"])]),
    ("ec2:DisassociateRouteTable", &[("route-table", &["ec2:Vpc"]), ("subnet", &["ec2:Vpc"])]),
    ("ec2:ModifySubnetAttribute", &[("subnet", &["ec2:Vpc"])]),
    ("ec2:ModifyVpcAttribute", &[("vpc", &["ec2:VpcID"])]),
    ("ec2:DisassociateAddress", &[("elastic-ip", &[]), ("network-interface", &["ec2:Vpc"])]),
    ("ec2:DeleteVpcEndpoints", &[("vpc-endpoint", &["aws:ResourceTag/plumbline:control"])]),
    (
        "ec2:ModifyVpcEndpoint",
        &[
            ("route-table", &["ec2:Vpc"]),
            ("security-group", &["ec2:Vpc"]),
            ("subnet", &["ec2:Vpc"]),
            ("vpc-endpoint", &["aws:ResourceTag/plumbline:topology"]),
        ],
    ),
    ("ec2:ModifyVpcEndpointServiceConfiguration", &[("vpc-endpoint-service", &["aws:ResourceTag/plumbline:topology"])]),
    ("ec2:ModifyVpcEndpointServicePermissions", &[("vpc-endpoint-service", &["aws:ResourceTag/plumbline:topology"])]),
    ("ec2:RejectVpcEndpointConnections", &[("vpc-endpoint-service", &["aws:ResourceTag/plumbline:topology"])]),
    ("ec2:ReleaseAddress", &[("elastic-ip", &["aws:ResourceTag/plumbline:control"])]),
    ("ec2:ReplaceRoute", &[("route-table", &["ec2:Vpc"])]),
    ("ec2:ReplaceRouteTableAssociation", &[("route-table", &["ec2:Vpc"]), ("subnet", &["ec2:Vpc"])]),
    ("ec2:RevokeSecurityGroupEgress", &[("security-group", &["ec2:Vpc"])]),
    ("ec2:RevokeSecurityGroupIngress", &[("security-group", &["ec2:Vpc"])]),
    ("ec2:UpdateSecurityGroupRuleDescriptionsEgress", &[("security-group", &["ec2:Vpc"])]),
    ("ec2:UpdateSecurityGroupRuleDescriptionsIngress", &[("security-group", &["ec2:Vpc"])]),
];

fn actions(statement: &Map<String, Value>) -> Vec<&str> {
    list(&statement["Action"]).into_iter().map(|action| action.as_str().unwrap()).collect()
}

/// The condition keys of a statement, whatever their operators.
fn keys(statement: &Map<String, Value>) -> BTreeSet<&str> {
    let operators = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    operators.flat_map(|(_, keys)| keys.as_object().unwrap().keys()).map(String::as_str).collect()
}

/// No statement says more than its function needs: named actions, and a resource wherever the service knows one.
#[test]
fn roles_name_actions_and_resources() {
    let template = template();
    for (function, _) in template.of_type("AWS::Serverless::Function") {
        for statement in template.statements(function) {
            let sid = statement["Sid"].as_str().unwrap();
            assert_eq!(statement["Effect"], "Allow", "{function}: {sid}");
            let actions = actions(statement);
            assert!(!actions.iter().any(|action| action.contains('*')), "{function}: {sid}");
            if list(&statement["Resource"]).iter().any(|resource| *resource == "*") {
                let known = |action: &&str| action.starts_with("ec2:Describe") || NO_RESOURCE.contains(action);
                assert!(actions.iter().all(known), "{function}: {sid}: these calls know a resource");
            }
            if actions.contains(&"events:PutEvents") {
                assert_eq!(statement["Condition"]["StringEquals"]["events:source"], "plumbline", "{function}: {sid}");
            }
        }
    }
}

/// Every change of a network is allowed on named types of resources, and within the bounds that AWS knows for the call there.
#[test]
fn changes_are_bounded() {
    let template = template();
    let decided: BTreeMap<_, BTreeMap<_, BTreeSet<_>>> = BOUNDS
        .iter()
        .map(|(action, on)| (*action, on.iter().map(|(kind, keys)| (*kind, keys.iter().copied().collect())).collect()))
        .collect();
    let mut granted: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for (function, _) in template.of_type("AWS::Serverless::Function") {
        for statement in template.statements(function) {
            for action in actions(statement) {
                if !action.starts_with("ec2:") || action.starts_with("ec2:Describe") {
                    continue;
                }
                let kinds = list(&statement["Resource"]).into_iter().map(|arn| {
                    let (before, kind) = arn.as_str().unwrap().strip_suffix("/*").unwrap().rsplit_once(':').unwrap();
                    assert_eq!(before, "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}", "{action}");
                    kind
                });
                for kind in kinds {
                    // One statement for two calls may name a type that only the other call knows.
                    if decided.get(action).is_none_or(|on| on.contains_key(kind))
                        || list(&statement["Action"]).len() == 1
                    {
                        granted.entry(action).or_default().entry(kind).or_default().extend(keys(statement));
                    }
                }
            }
        }
    }
    // An address is passed to `CreateNatGateway` without a bound, beside the statement that bounds what the call makes.
    if let Some(on) = granted.get_mut("ec2:CreateNatGateway") {
        on.entry("elastic-ip").or_default().remove("aws:RequestTag/plumbline:control");
    }
    assert_eq!(granted, decided);
}

/// The values of the bounds: tags of the control itself, VPCs of the parameter.
#[test]
fn bounds_name_this_control_and_the_declared_vpcs() {
    let template = template();
    for (function, resource) in template.of_type("AWS::Serverless::Function") {
        let control = resource["Properties"]["CodeUri"].as_str().unwrap();
        let control = control.strip_prefix("dist/").and_then(|zip| zip.strip_suffix(".zip")).unwrap();
        for statement in template.statements(function) {
            let sid = statement["Sid"].as_str().unwrap();
            let condition = statement.get("Condition").cloned().unwrap_or_default();
            for tag in ["aws:RequestTag/plumbline:control", "aws:ResourceTag/plumbline:control"] {
                if keys(statement).contains(tag) {
                    assert_eq!(condition["StringEquals"][tag], control, "{function}: {sid}");
                }
            }
            if keys(statement).contains("ec2:Vpc") {
                assert!(condition["ArnLike"]["ec2:Vpc"].to_string().contains("VpcIds"), "{function}: {sid}");
            }
            if keys(statement).contains("ec2:VpcID") {
                assert_eq!(condition["StringLike"]["ec2:VpcID"], "VpcIds", "{function}: {sid}");
            }
        }
    }
}

/// What flow logs are written with: it may write them and nothing else, for this account's flow logs only, and outlives the stack.
#[test]
fn the_delivery_role_only_delivers() {
    let template = template();
    let (_, role) = template.resources().find(|(name, _)| *name == "FlowLogsDeliveryRole").unwrap();
    assert_eq!(role["DeletionPolicy"], "RetainExceptOnCreate", "flow logs outlive the stack and name it");
    assert_eq!(role["UpdateReplacePolicy"], "Retain");
    let properties = &role["Properties"];
    let name = properties["RoleName"].as_str().unwrap();
    assert!(
        name.contains("${AWS::StackName}") && name.contains("${AWS::Region}"),
        "{name}: roles have one name everywhere"
    );

    let trust = list(&properties["AssumeRolePolicyDocument"]["Statement"]);
    assert_eq!(trust.len(), 1);
    assert_eq!(trust[0]["Principal"], json!({ "Service": "vpc-flow-logs.amazonaws.com" }));
    let flow_logs = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-flow-log/*";
    assert_eq!(
        trust[0]["Condition"],
        json!({ "StringEquals": { "aws:SourceAccount": "AWS::AccountId" }, "ArnLike": { "aws:SourceArn": flow_logs } })
    );

    let mut allowed = BTreeMap::new();
    for statement in list(&properties["Policies"][0]["PolicyDocument"]["Statement"]) {
        for action in list(&statement["Action"]) {
            allowed.insert(action.as_str().unwrap(), statement["Resource"].as_str().unwrap());
        }
    }
    let groups = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:";
    let ours = format!("{groups}${{LogGroupPrefix}}*");
    let any = format!("{groups}*");
    assert_eq!(
        allowed,
        BTreeMap::from([
            ("logs:CreateLogStream", ours.as_str()),
            ("logs:DescribeLogGroups", &any),
            ("logs:DescribeLogStreams", &ours),
            ("logs:PutLogEvents", &ours),
        ])
    );
}

/// Passing a role is lending its rights: one role, to one service, by one function.
#[test]
fn one_role_is_lent_to_one_service() {
    let template = template();
    let lends = |function: &str| -> Vec<Value> {
        let statements = template.statements(function).into_iter();
        statements.filter(|one| actions(one).contains(&"iam:PassRole")).cloned().map(Value::Object).collect()
    };
    for (function, _) in template.of_type("AWS::Serverless::Function") {
        let lent = lends(function);
        if function != "FlowLogsFunction" {
            assert_eq!(lent, [] as [Value; 0], "{function}");
            continue;
        }
        assert_eq!(lent.len(), 1);
        assert_eq!(lent[0]["Action"], "iam:PassRole");
        assert_eq!(
            lent[0]["Resource"],
            "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${AWS::StackName}-flow-logs-delivery-${AWS::Region}"
        );
        let to = json!({ "StringEquals": { "iam:PassedToService": "vpc-flow-logs.amazonaws.com" } });
        assert_eq!(lent[0]["Condition"], to);
    }
}

/// Retention can be shortened, which deletes logs: only of groups that are declared to be flow logs'.
#[test]
fn log_groups_are_kept_by_prefix() {
    let template = template();
    let kept = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${LogGroupPrefix}*";
    let own = ["logs:CreateLogStream", "logs:PutLogEvents"];
    for (function, _) in template.of_type("AWS::Serverless::Function") {
        for statement in template.statements(function) {
            let changes =
                |action: &&str| action.starts_with("logs:") && !NO_RESOURCE.contains(action) && !own.contains(action);
            if actions(statement).iter().any(changes) {
                assert_eq!(statement["Resource"], kept, "{function}");
            }
        }
    }
}

/// Nobody here may open a bucket, a key or a role: what a flow log to S3 needs there is the bucket owner's to grant.
#[test]
fn no_role_grants_rights() {
    let template: Template = template();
    for (function, _) in template.of_type("AWS::Serverless::Function") {
        for action in template.grants(function).keys() {
            let granting = ["Policy", "Grant", "Acl", "AddPermission"].iter().any(|word| action.contains(word));
            let reads = [":Get", ":Describe", ":List"].iter().any(|verb| action.contains(verb));
            assert!(!granting || reads || action.ends_with("RetentionPolicy"), "{function}: {action}");
        }
    }
}

#[test]
fn each_function_has_its_own_role_log_and_retention() {
    let template = template();
    let functions: Vec<_> = template.of_type("AWS::Serverless::Function").collect();
    for property in ["Role", "LoggingConfig"] {
        let own: BTreeSet<_> =
            functions.iter().map(|(_, function)| function["Properties"][property].to_string()).collect();
        assert_eq!(own.len(), functions.len(), "{property} shared");
    }
    for (name, group) in template.of_type("AWS::Logs::LogGroup") {
        assert_eq!(group["Properties"]["RetentionInDays"], "LogRetentionDays", "{name}");
    }
}

/// A document alone gives nobody a way to change stacks: the deployment grants that, and not unless it is told to.
#[test]
fn change_sets_are_granted_only_where_the_deployment_says_so() {
    const CHANGES: [&str; 3] =
        ["cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet", "cloudformation:ExecuteChangeSet"];
    let template = template();
    let granted = |policy: &Value| -> Vec<String> {
        let statements = list(&policy["PolicyDocument"]["Statement"]).into_iter();
        let actions = statements.flat_map(|statement| list(&statement["Action"])).filter_map(Value::as_str);
        actions.filter(|action| CHANGES.contains(action)).map(str::to_owned).collect()
    };
    let policies = list(&template.properties("SweepRole")["Policies"]);
    let (always, conditional): (Vec<&Value>, Vec<&Value>) = policies.into_iter().partition(|policy| policy.is_object());
    assert!(!always.is_empty() && always.into_iter().all(|policy| granted(policy).is_empty()));
    let [repair] = conditional.as_slice() else { panic!("{conditional:#?}") };
    assert_eq!((&repair[0], &repair[2]), (&json!("RepairsStacks"), &json!("AWS::NoValue")));
    assert_eq!(granted(&repair[1]), CHANGES);
    assert_eq!(template.section("Conditions")["RepairsStacks"], json!(["StackRepair", "execute"]));
    assert_eq!(template.section("Parameters")["StackRepair"]["Default"], json!("report"));
}
