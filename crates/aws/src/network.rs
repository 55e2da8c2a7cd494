//! The network as the EC2 and CloudFormation APIs show and change it: one value that serves every control's ports.

use crate::clients::{Clients, setting};
use crate::security_groups::Groups;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use futures_util::{StreamExt, TryStreamExt, stream};
use reconciler::{Fault, FaultClass};
use std::collections::BTreeMap;
use topology::{ControlId, Receipt, StackId};

/// EC2 allows so many values in one filter
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html>).
pub(crate) const FILTER_VALUES: usize = 200;
/// The largest page of the describes that take a page size; fewer pages, fewer tokens of the bucket.
pub(crate) const PAGE: i32 = 1000;

/// Where AWS answers about one thing a call, so many are asked about at once: more would empty the bucket that the customer's own
/// tools take from.
const AT_ONCE: usize = 4;

/// The adapter behind `Observe`, `Apply`, `Locate` and `Stacks`.
#[derive(Clone, Debug)]
pub struct Network {
    pub(crate) clients: Clients,
    pub(crate) control: ControlId,
    pub(crate) groups: Groups,
    /// The role that delivers flow logs to CloudWatch Logs.
    pub(crate) delivery_role: Option<String>,
}

impl Network {
    /// Over these clients, for one control: read-only ones make a network that cannot be changed. AWS is asked only about what
    /// concerns that control, for its function's role allows nothing else.
    pub fn new(clients: Clients, control: ControlId) -> Self {
        // Only the function of flow logs is told; without it, those that go to S3 are kept all the same.
        let delivery_role = setting("PLUMBLINE_FLOW_LOGS_ROLE").ok();
        Self { clients, control, groups: Groups::default(), delivery_role }
    }

    /// The same network, unable to change anything, sharing what was learned of names.
    pub fn read_only(&self) -> Self {
        Self { clients: self.clients.read_only(), ..self.clone() }
    }
}

/// Waits for all of these, of which a few run at once. The answers come in their order, each for itself.
pub(crate) async fn each<A: Future>(asked: Vec<A>) -> Vec<A::Output> {
    stream::iter(asked).buffered(AT_ONCE).collect().await
}

/// The same where one answer that is missing makes the others useless: the first fault ends it, and what is not asked yet is not.
pub(crate) async fn all<T, A: Future<Output = Result<T, Fault>>>(asked: Vec<A>) -> Result<Vec<T>, Fault> {
    stream::iter(asked).buffered(AT_ONCE).try_collect().await
}

/// A filter of a describe.
pub(crate) fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    let values = values.into_iter().map(Into::into).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// The tag that CloudFormation writes, and nobody else can
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html>).
const STACK_TAG: &str = "aws:cloudformation:stack-id";

/// The stack that owns what has these tags.
pub(crate) fn stack(tags: &BTreeMap<String, String>) -> Option<StackId> {
    tags.get(STACK_TAG).map(|stack| stack.as_str().into())
}

/// Tags that are there from the first moment: with a call of its own, a crash in between would leave something without an owner.
pub(crate) fn tagged(kind: ResourceType, tags: &BTreeMap<String, String>) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()
}

/// The receipt of a call that made one thing.
pub(crate) fn created(id: &str, request_id: Option<&str>) -> Receipt {
    Receipt { created: vec![id.into()], request_id: request_id.map(Into::into), already: false }
}

/// What EC2 said and nobody here can read. Whoever meets one knows nothing of the whole list: planning on the rest would be guessing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be read: {problem}")]
pub(crate) struct Unreadable {
    pub(crate) what: String,
    pub(crate) problem: String,
}

/// That a thing cannot be read, and why.
pub(crate) fn unreadable(what: Option<&str>, problem: impl Into<String>) -> Unreadable {
    Unreadable { what: what.unwrap_or("something without an id").into(), problem: problem.into() }
}

impl Unreadable {
    /// The same answer will not read better the next time.
    pub(crate) fn fault(&self, operation: &str) -> Fault {
        Fault::new(operation, FaultClass::Terminal, self.to_string())
    }
}

/// EC2's tags as a map.
pub(crate) fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_known_by_the_tag_of_cloudformation() {
        let arn = "arn:aws:cloudformation:eu-west-1:111122223333:stack/network/1";
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        assert_eq!(stack(&tags(&[tag(STACK_TAG, arn), tag("team", "edge")])), Some(arn.into()));
        assert_eq!(stack(&tags(&[tag("team", "edge")])), None);
    }
}
