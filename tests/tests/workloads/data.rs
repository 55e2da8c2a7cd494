//! Where data lives: encrypted, out of reach, and not lost with a stack.

use crate::{NAMES, all, workload};
use e2e::template::list;
use serde_json::{Value, json};

#[test]
fn databases_are_private_encrypted_and_kept() {
    let databases = all("AWS::RDS::DBInstance");
    assert_eq!(databases.len(), 4);
    for (id, database) in databases {
        let properties = &database["Properties"];
        let held = ["DeletionPolicy", "UpdateReplacePolicy"].map(|policy| database[policy].as_str().unwrap());
        assert_eq!(held, ["Snapshot", "Snapshot"], "{id}");
        for (property, wanted) in [
            ("PubliclyAccessible", json!(false)),
            ("StorageEncrypted", json!(true)),
            ("ManageMasterUserPassword", json!(true)),
            ("CopyTagsToSnapshot", json!(true)),
            ("DeletionProtection", json!("DeletionProtection")),
        ] {
            assert_eq!(properties[property], wanted, "{id}: {property}");
        }
        assert!(properties["BackupRetentionPeriod"].as_u64() >= Some(7), "{id}");
        // One small database on a small budget, as its reference says.
        assert_eq!(properties["MultiAZ"], !id.starts_with("autoscaled-web"), "{id}");
    }
    for (id, parameters) in all("AWS::RDS::DBParameterGroup") {
        assert_eq!(parameters["Properties"]["Parameters"]["rds.force_ssl"], "1", "{id}");
    }
}

#[test]
fn the_small_database_is_what_its_reference_pays_for() {
    let database = workload("autoscaled-web");
    let properties = database.properties("Database");
    assert_eq!(properties["DBInstanceClass"], "db.t4g.micro");
    assert_eq!((&properties["AllocatedStorage"], &properties["StorageType"]), (&json!("20"), &json!("gp3")));
    assert_eq!(database.properties("Cache")["CacheNodeType"], "cache.t3.micro");
    assert_eq!(database.properties("Cache")["NumCacheClusters"], 1);
}

#[test]
fn caches_are_encrypted_and_ask_for_a_token() {
    let caches = all("AWS::ElastiCache::ReplicationGroup");
    assert_eq!(caches.len(), 3);
    for (id, cache) in caches {
        let properties = &cache["Properties"];
        assert_eq!(properties["TransitEncryptionEnabled"], true, "{id}");
        assert_eq!(properties["TransitEncryptionMode"], "required", "{id}");
        assert_eq!(properties["AtRestEncryptionEnabled"], true, "{id}");
        assert!(properties["AuthToken"].is_string(), "{id}");
        let replicated = properties["NumCacheClusters"].as_u64().unwrap() > 1;
        assert_eq!(properties["AutomaticFailoverEnabled"], replicated, "{id}");
        assert_eq!(properties["MultiAZEnabled"], replicated, "{id}");
    }
    assert_eq!(workload("three-tier").properties("Cache")["NumCacheClusters"], 3, "a primary and two replicas");
}

#[test]
fn tables_are_encrypted_restorable_and_kept() {
    for (id, table) in all("AWS::DynamoDB::Table") {
        let properties = &table["Properties"];
        assert_eq!(table["DeletionPolicy"], "RetainExceptOnCreate", "{id}");
        assert_eq!(properties["SSESpecification"]["SSEType"], "KMS", "{id}");
        assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true, "{id}");
        assert_eq!(properties["DeletionProtectionEnabled"], "DeletionProtection", "{id}");
    }
}

#[test]
fn buckets_are_closed_versioned_and_kept() {
    for (id, bucket) in all("AWS::S3::Bucket") {
        let properties = &bucket["Properties"];
        assert_eq!(bucket["DeletionPolicy"], "RetainExceptOnCreate", "{id}");
        let closed = properties["PublicAccessBlockConfiguration"].as_object().unwrap();
        assert!(closed.len() == 4 && closed.values().all(|one| *one == true), "{id}");
        assert_eq!(properties["VersioningConfiguration"]["Status"], "Enabled", "{id}");
        let ownership = properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"].as_str().unwrap();
        // CloudFront's standard logs are granted by an ACL.
        let preferred = id.ends_with(": RequestLogs");
        assert_eq!(ownership, if preferred { "BucketOwnerPreferred" } else { "BucketOwnerEnforced" }, "{id}");
        let rules = list(&properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]);
        assert_eq!(rules.len(), 1, "{id}");
    }
}

#[test]
fn logs_have_a_key_an_end_and_outlive_the_stack() {
    for (id, group) in all("AWS::Logs::LogGroup") {
        assert_eq!(group["DeletionPolicy"], "RetainExceptOnCreate", "{id}");
        assert_eq!(group["Properties"]["KmsKeyId"], "Key.Arn", "{id}");
        assert_eq!(group["Properties"]["RetentionInDays"], "LogRetentionDays", "{id}");
    }
    // Every database's log goes to a group that is made before it; RDS makes one without a key and without an end.
    for name in ["three-tier", "hipaa", "autoscaled-web", "privatelink"] {
        let workload = workload(name);
        let database = workload.resources().find(|(id, _)| *id == "Database").unwrap().1.clone();
        assert_eq!(database["DependsOn"], "DatabaseLogs", "{name}");
        let group = workload.properties("DatabaseLogs")["LogGroupName"].clone();
        assert_eq!(group, "/aws/rds/instance/${AWS::StackName}/postgresql", "{name}");
        assert_eq!(database["Properties"]["DBInstanceIdentifier"], "AWS::StackName", "{name}");
    }
}

#[test]
fn repositories_are_scanned_and_what_is_pushed_stays() {
    for (id, repository) in all("AWS::ECR::Repository") {
        assert_eq!(repository["DeletionPolicy"], "RetainExceptOnCreate", "{id}");
        assert_eq!(repository["Properties"]["ImageTagMutability"], "IMMUTABLE", "{id}");
        assert_eq!(repository["Properties"]["ImageScanningConfiguration"]["ScanOnPush"], true, "{id}");
        assert_eq!(repository["Properties"]["EncryptionConfiguration"]["EncryptionType"], "KMS", "{id}");
    }
}

#[test]
fn messages_are_encrypted() {
    for (id, topic) in all("AWS::SNS::Topic").into_iter().chain(all("AWS::SQS::Queue")) {
        assert_eq!(topic["Properties"]["KmsMasterKeyId"], "Key", "{id}");
    }
    for (id, topic) in all("AWS::SNS::Topic") {
        let (workload_name, topic_id) = id.split_once(": ").unwrap();
        let workload = workload(workload_name);
        let policies = workload.of_type("AWS::SNS::TopicPolicy");
        let kept =
            policies.filter(|(_, policy)| list(&policy["Properties"]["Topics"]).iter().any(|one| *one == topic_id));
        assert_eq!(kept.count(), 1, "{id}: one policy");
        assert!(!topic["Properties"]["DisplayName"].is_null());
    }
}

/// CloudFormation answers "'null' values are not allowed in templates"; cfn-lint does not know it everywhere.
#[test]
fn nothing_is_null() {
    fn nulls(value: &Value, at: &str) -> Vec<String> {
        match value {
            Value::Null => vec![at.to_owned()],
            Value::Array(items) => {
                items.iter().enumerate().flat_map(|(n, item)| nulls(item, &format!("{at}/{n}"))).collect()
            }
            Value::Object(fields) => {
                fields.iter().flat_map(|(name, item)| nulls(item, &format!("{at}/{name}"))).collect()
            }
            _ => vec![],
        }
    }
    for name in NAMES {
        let workload = workload(name);
        for section in ["Parameters", "Conditions", "Resources", "Outputs", "Metadata"] {
            // A workload without conditions has no such section.
            if !workload.section(section).is_null() {
                assert_eq!(nulls(workload.section(section), section), Vec::<String>::new(), "{name}");
            }
        }
    }
}
