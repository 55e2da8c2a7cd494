//! The matcher on the examples of the EventBridge user guide, page "Comparison operators for use in event patterns"
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>) unless a test names another.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use plumb::pattern::Pattern;
use serde_json::{Value, json};

fn matches(pattern: &Value, event: &Value) -> bool {
    Pattern::parse(pattern).unwrap().matches(event)
}

#[track_caller]
fn check(pattern: Value, yes: &[Value], no: &[Value]) {
    for event in yes {
        assert!(matches(&pattern, event), "{pattern} must match {event}");
        assert_eq!(Pattern::parse(&pattern).unwrap().unmet(event), Vec::<String>::new());
    }
    for event in no {
        assert!(!matches(&pattern, event), "{pattern} must not match {event}");
        assert_ne!(Pattern::parse(&pattern).unwrap().unmet(event), Vec::<String>::new(), "{event}: why not?");
    }
}

#[track_caller]
fn refused(pattern: Value, says: &str) {
    let error = Pattern::parse(&pattern).unwrap_err().to_string();
    assert!(error.contains(says), "{pattern}: {error}");
}

#[test]
fn fields_are_and_values_are_or() {
    check(
        json!({"Location": ["New York"], "Day": ["Monday"]}),
        &[json!({"Location": "New York", "Day": "Monday", "Hour": 7})],
        &[json!({"Location": "New York"}), json!({"Location": "New York", "Day": "Tuesday"}), json!({})],
    );
    check(
        json!({"PaymentType": ["Credit", "Debit"]}),
        &[json!({"PaymentType": "Debit"})],
        &[json!({"PaymentType": "Cash"}), json!({"PaymentType": "credit"})],
    );
}

/// "Creating Amazon EventBridge event patterns": the termination of an instance.
#[test]
fn nested_fields() {
    let event = json!({
        "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2", "account": "111122223333",
        "time": "2017-12-22T18:43:48Z", "region": "us-west-1",
        "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
        "detail": {"instance-id": "i-1234567890abcdef0", "state": "terminated"}
    });
    let mut other = event.clone();
    other["detail"]["state"] = json!("pending");
    let pattern = json!({
        "source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"],
        "detail": {"state": ["terminated"]}
    });
    check(pattern.clone(), &[event], &[other.clone(), json!({"source": "aws.ec2", "detail": "terminated"})]);
    assert_eq!(Pattern::parse(&pattern).unwrap().unmet(&other), ["detail.state"]);
}

#[test]
fn prefix() {
    check(
        json!({"time": [{"prefix": "2017-10-02"}]}),
        &[json!({"time": "2017-10-02T18:43:48Z"})],
        &[json!({"time": "2017-10-03T18:43:48Z"}), json!({"time": 20171002}), json!({})],
    );
    check(
        json!({"service": [{"prefix": {"equals-ignore-case": "EventB"}}]}),
        &[json!({"service": "EventBridge"}), json!({"service": "eventbridge"}), json!({"service": "EVENTBRIDGE"})],
        &[json!({"service": "Events"})],
    );
}

#[test]
fn suffix() {
    check(
        json!({"FileName": [{"suffix": ".png"}]}),
        &[json!({"FileName": "a.png"})],
        &[json!({"FileName": "a.PNG"}), json!({"FileName": "png"})],
    );
    check(
        json!({"FileName": [{"suffix": {"equals-ignore-case": ".png"}}]}),
        &[json!({"FileName": "a.png"}), json!({"FileName": "a.PNG"})],
        &[json!({"FileName": "a.jpg"})],
    );
}

#[test]
fn anything_but() {
    check(
        json!({"detail": {"state": [{"anything-but": "initializing"}]}}),
        &[json!({"detail": {"state": "running"}})],
        // The field must be there.
        &[json!({"detail": {"state": "initializing"}}), json!({"detail": {}})],
    );
    check(
        json!({"x-limit": [{"anything-but": 123}]}),
        &[json!({"x-limit": 456}), json!({"x-limit": "123"})],
        &[json!({"x-limit": 123})],
    );
    check(
        json!({"state": [{"anything-but": ["stopped", "overloaded"]}]}),
        &[json!({"state": "running"})],
        &[json!({"state": "stopped"}), json!({"state": "overloaded"})],
    );
    check(
        json!({"x-limit": [{"anything-but": [100, 200, 300]}]}),
        &[json!({"x-limit": 101})],
        &[json!({"x-limit": 200})],
    );
}

#[test]
fn anything_but_with_another_operator() {
    check(
        json!({"state": [{"anything-but": {"equals-ignore-case": "initializing"}}]}),
        &[json!({"state": "running"})],
        &[json!({"state": "INITIALIZING"})],
    );
    check(
        json!({"state": [{"anything-but": {"equals-ignore-case": ["initializing", "stopped"]}}]}),
        &[json!({"state": "running"})],
        &[json!({"state": "Stopped"})],
    );
    check(
        json!({"state": [{"anything-but": {"prefix": "init"}}]}),
        &[json!({"state": "running"})],
        &[json!({"state": "initializing"})],
    );
    check(
        json!({"state": [{"anything-but": {"prefix": ["init", "error"]}}]}),
        &[json!({"state": "running"})],
        &[json!({"state": "error-7"})],
    );
    check(
        json!({"FileName": [{"anything-but": {"suffix": [".txt", ".jpg"]}}]}),
        &[json!({"FileName": "a.png"})],
        &[json!({"FileName": "a.txt"})],
    );
    check(
        json!({"FilePath": [{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}]}),
        &[json!({"FilePath": "src/main.rs"})],
        &[json!({"FilePath": "usr/lib/x.so"}), json!({"FilePath": "usr/bin/x"})],
    );
}

#[test]
fn numeric() {
    let pattern = json!({"detail": {
        "c-count": [{"numeric": [">", 0, "<=", 5]}], "d-count": [{"numeric": ["<", 10]}],
        "x-limit": [{"numeric": ["=", 3.018e2]}]
    }});
    check(
        pattern,
        &[json!({"detail": {"c-count": 5, "d-count": -3.5, "x-limit": 301.8}})],
        &[
            json!({"detail": {"c-count": 0, "d-count": 3, "x-limit": 301.8}}),
            json!({"detail": {"c-count": 5, "d-count": 10, "x-limit": 301.8}}),
            // "Numeric matching works with JSON numbers only."
            json!({"detail": {"c-count": "5", "d-count": 3, "x-limit": 301.8}}),
        ],
    );
    check(json!({"a": [{"numeric": [">=", 1]}]}), &[json!({"a": 1}), json!({"a": [0, 2]})], &[json!({"a": 0.5})]);
}

/// "For numbers, EventBridge uses string representation": 300 and 300.0 are not equal.
#[test]
fn equal_numbers_are_written_alike() {
    check(json!({"a": [300]}), &[json!({"a": 300})], &[json!({"a": 300.0}), json!({"a": "300"})]);
}

#[test]
fn cidr() {
    check(
        json!({"sourceIPAddress": [{"cidr": "10.0.0.0/24"}]}),
        &[json!({"sourceIPAddress": "10.0.0.255"})],
        &[json!({"sourceIPAddress": "10.0.1.0"}), json!({"sourceIPAddress": "cloudformation.amazonaws.com"})],
    );
    check(json!({"ip": [{"cidr": "2001:db8::/32"}]}), &[json!({"ip": "2001:db8::1"})], &[json!({"ip": "10.0.0.1"})]);
}

#[test]
fn exists() {
    check(
        json!({"detail": {"ProductName": [{"exists": true}]}}),
        &[json!({"detail": {"ProductName": "x"}}), json!({"detail": {"ProductName": null}})],
        &[json!({"detail": {}}), json!({"detail": {"ProductName": []}})],
    );
    check(
        json!({"detail": {"ProductName": [{"exists": false}]}}),
        &[json!({"detail": {}}), json!({}), json!({"detail": "text"})],
        &[json!({"detail": {"ProductName": ""}})],
    );
    // "Exists matching only works on leaf nodes. It does not work on intermediate nodes."
    check(json!({"detail": [{"exists": true}]}), &[], &[json!({"detail": {"state": "running"}})]);
    // CloudTrail writes `{}` for nothing: that is not a leaf either.
    check(
        json!({"sessionIssuer": {"arn": [{"anything-but": "arn:us"}, {"exists": false}]}}),
        &[json!({"sessionIssuer": {}}), json!({}), json!({"sessionIssuer": {"arn": "arn:them"}})],
        &[json!({"sessionIssuer": {"arn": "arn:us"}})],
    );
}

#[test]
fn equals_ignore_case() {
    check(
        json!({"detail-type": [{"equals-ignore-case": "ec2 instance state-change notification"}]}),
        &[json!({"detail-type": "EC2 Instance State-change Notification"})],
        &[json!({"detail-type": "EC2 Instance"})],
    );
}

#[test]
fn wildcard() {
    check(
        json!({"EventBusArn": [{"wildcard": "arn:aws:events:us-east-1:*:event-bus/*"}]}),
        &[json!({"EventBusArn": "arn:aws:events:us-east-1:111122223333:event-bus/default"})],
        &[json!({"EventBusArn": "arn:aws:events:us-west-2:111122223333:event-bus/default"})],
    );
    check(
        json!({"path": [{"wildcard": "dir/*.png"}]}),
        &[json!({"path": "dir/a.png"}), json!({"path": "dir/b/c.png"}), json!({"path": "dir/.png.png"})],
        &[json!({"path": "dir/a.png.txt"}), json!({"path": "other/a.png"}), json!({"path": 7})],
    );
    check(
        json!({"text": [{"wildcard": "a\\*b\\\\*"}]}),
        &[json!({"text": "a*b\\c"}), json!({"text": "a*b\\"})],
        &[json!({"text": "aXb\\"})],
    );
    // Where a wrong matcher is exponential.
    let pattern = json!({"text": [{"wildcard": "*a*a*a*a*a*a*a*a*a*a*b"}]});
    assert!(!matches(&pattern, &json!({"text": "a".repeat(5_000)})));
}

#[test]
fn or_across_fields() {
    let pattern = json!({"source": ["shop"], "detail": {
        "$or": [
            {"c-count": [{"numeric": [">", 0, "<=", 5]}]}, {"d-count": [{"numeric": ["<", 10]}]},
            {"x-limit": [{"numeric": ["=", 3.018e2]}]}
        ]
    }});
    check(
        pattern.clone(),
        &[
            json!({"source": "shop", "detail": {"c-count": 3}}),
            json!({"source": "shop", "detail": {"c-count": 9, "d-count": 9}}),
        ],
        &[json!({"source": "shop", "detail": {"c-count": 9}}), json!({"source": "x", "detail": {"c-count": 3}})],
    );
    let unmet = Pattern::parse(&pattern).unwrap().unmet(&json!({"source": "shop", "detail": {"c-count": 9}}));
    assert_eq!(unmet, ["detail.$or"]);
    // "Location is New York, or Day is Monday."
    check(
        json!({"$or": [{"Location": ["New York"]}, {"Day": ["Monday"]}]}),
        &[json!({"Location": "New York", "Day": "Tuesday"}), json!({"Location": "Paris", "Day": "Monday"})],
        &[json!({"Location": "Paris", "Day": "Tuesday"})],
    );
}

/// `aws/event-ruler`, README: `$or` is an ordinary field unless it holds two objects or more without an operator for a key.
#[test]
fn or_as_the_name_of_a_field() {
    check(json!({"$or": ["a", "b"]}), &[json!({"$or": "b"})], &[json!({"$or": "c"})]);
    check(json!({"$or": [{"prefix": "a"}, {"prefix": "b"}]}), &[json!({"$or": "bat"})], &[json!({"$or": "cat"})]);
}

/// "Null values and empty strings": they differ.
#[test]
fn null_and_empty() {
    check(json!({"userID": [null]}), &[json!({"userID": null})], &[json!({"userID": ""}), json!({})]);
    check(json!({"eventVersion": [""]}), &[json!({"eventVersion": ""})], &[json!({"eventVersion": null}), json!({})]);
    check(json!({"on": [true]}), &[json!({"on": true})], &[json!({"on": "true"}), json!({"on": false})]);
}

/// "Arrays in event patterns": any value in common is enough.
#[test]
fn arrays_intersect() {
    check(
        json!({"resources": ["arn:a", "arn:b"]}),
        &[json!({"resources": ["arn:b", "arn:c"]}), json!({"resources": ["arn:x", ["arn:a"]]})],
        &[json!({"resources": ["arn:c"]}), json!({"resources": []})],
    );
}

/// `aws/event-ruler`, README, "Matching JSON arrays": two conditions are never met by two different elements.
#[test]
fn elements_are_not_mixed() {
    let event = json!({"employees": [
        {"firstName": "Anna", "lastName": "Jones"}, {"firstName": "John", "lastName": "Smith"}
    ]});
    check(json!({"employees": {"firstName": ["Anna"], "lastName": ["Jones"]}}), std::slice::from_ref(&event), &[]);
    check(json!({"employees": {"firstName": ["Anna"], "lastName": ["Smith"]}}), &[], &[event]);
}

/// The example "complex" of the guide: operators together.
#[test]
fn operators_together() {
    let event = json!({
        "time": "2017-12-22T18:43:48Z", "account": "123456789012",
        "detail": {"state": "running", "c-count": 4, "d-count": 3, "x-limit": 301.8}
    });
    let pattern = json!({
        "time": [{"prefix": "2017-12-22"}],
        "detail": {
            "state": [{"anything-but": "initializing"}], "c-count": [{"numeric": [">", 0, "<=", 5]}],
            "d-count": [{"numeric": ["<", 10]}], "x-limit": [{"anything-but": [100, 200, 300]}]
        }
    });
    check(pattern, &[event], &[]);
}

#[test]
fn what_eventbridge_refuses() {
    refused(json!([]), "a pattern is a JSON object");
    refused(json!({}), "empty object");
    refused(json!({"detail": {}}), "detail: an empty object");
    refused(json!({"source": "aws.ec2"}), "source: values stand in an array");
    refused(json!({"source": []}), "source: an empty array");
    refused(json!({"source": [["aws.ec2"]]}), "source: an array in an array");
    refused(json!({"a": [{"begins-with": "x"}]}), "a.begins-with: unknown operator");
    refused(json!({"a": [{"prefix": "x", "suffix": "y"}]}), "one operator an object");
    refused(json!({"a": [{}]}), "one operator an object");
    refused(json!({"a": [{"exists": "false"}]}), "true or false");
    refused(json!({"a": [{"prefix": 7}]}), "a.prefix: text");
    refused(json!({"a": [{"suffix": {"wildcard": "x"}}]}), "equals-ignore-case");
    refused(json!({"a": [{"wildcard": "x**y"}]}), "two * in a row");
    refused(json!({"a": [{"wildcard": "x\\y"}]}), "backslash");
    refused(json!({"a": [{"cidr": "10.0.0.0/33"}]}), "neither a CIDR");
    refused(json!({"a": [{"numeric": [">"]}]}), "one or two comparisons");
    refused(json!({"a": [{"numeric": ["!=", 3]}]}), "a comparison is one of");
    refused(json!({"a": [{"numeric": [">", "3"]}]}), "not a number");
    refused(json!({"a": [{"numeric": ["<", 5, ">", 0]}]}), "lower bound first");
    refused(json!({"a": [{"numeric": [">", 5, "<", 5]}]}), "lower bound first");
    refused(json!({"a": [{"numeric": ["<", 6.0e9]}]}), "5.0e9");
    refused(json!({"a": [{"anything-but": []}]}), "excludes nothing");
    refused(json!({"a": [{"anything-but": ["x", 7]}]}), "not both");
    refused(json!({"a": [{"anything-but": {"prefix": ""}}]}), "not empty");
    refused(json!({"a": [{"anything-but": {"numeric": ["<", 5]}}]}), "anything-but.numeric");
}
