//! The trails that cover a Region. One describe, and two reads a trail: an account has five a Region at most, and one or two as a rule.

use crate::clients::{Clients, Regional};
use crate::errors::fault;
use aws_sdk_cloudtrail::types::{AdvancedFieldSelector, EventSelector as Basic};
use reconciler::{EventSelector, Fault, FieldSelector, Trail, Trails};
use topology::Place;

/// Trails as CloudTrail shows them.
#[derive(Clone, Debug)]
pub struct CloudTrail {
    clients: Clients,
}

impl CloudTrail {
    /// Over these clients, of which only what reads is used.
    pub fn new(clients: &Clients) -> Self {
        Self { clients: clients.read_only() }
    }
}

impl Trails for CloudTrail {
    async fn trails(&self, place: &Place) -> Result<Vec<Trail>, Fault> {
        let clients = self.clients.regional(place)?;
        // With shadows: a trail of another Region, or of the organization, announces calls here all the same.
        let request = clients.cloudtrail().describe_trails().include_shadow_trails(true);
        let answer = request.send().await.map_err(|error| fault("DescribeTrails", &error))?;
        let mut trails = vec![];
        for arn in answer.trail_list().iter().filter_map(|trail| trail.trail_arn()) {
            let (logging, selectors) = (logging(&clients, arn).await, selectors(&clients, arn).await);
            trails.push(Trail { arn: arn.into(), logging, selectors });
        }
        Ok(trails)
    }
}

/// By ARN: a shadow is not known by its name.
async fn logging(clients: &Regional, arn: &str) -> Result<bool, Fault> {
    let answer = clients.cloudtrail().get_trail_status().name(arn).send().await;
    let answer = answer.map_err(|error| fault("GetTrailStatus", &error))?;
    Ok(answer.is_logging().unwrap_or_default())
}

async fn selectors(clients: &Regional, arn: &str) -> Result<Vec<EventSelector>, Fault> {
    let answer = clients.cloudtrail().get_event_selectors().trail_name(arn).send().await;
    let answer = answer.map_err(|error| fault("GetEventSelectors", &error))?;
    let advanced = answer.advanced_event_selectors().iter();
    let advanced = advanced.map(|one| EventSelector::Advanced(one.field_selectors().iter().map(field).collect()));
    Ok(answer.event_selectors().iter().map(basic).chain(advanced).collect())
}

/// What is left out has the value that the API Reference gives it.
fn basic(selector: &Basic) -> EventSelector {
    EventSelector::Basic {
        management: selector.include_management_events().unwrap_or(true),
        read_write: selector.read_write_type().map_or("All", |kind| kind.as_str()).to_owned(),
        excluded: selector.exclude_management_event_sources().iter().cloned().collect(),
    }
}

fn field(selector: &AdvancedFieldSelector) -> FieldSelector {
    FieldSelector {
        field: selector.field().to_owned(),
        equals: selector.equals().to_vec(),
        starts_with: selector.starts_with().to_vec(),
        ends_with: selector.ends_with().to_vec(),
        not_equals: selector.not_equals().to_vec(),
        not_starts_with: selector.not_starts_with().to_vec(),
        not_ends_with: selector.not_ends_with().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cloudtrail::types::ReadWriteType;

    #[test]
    fn a_selector_says_what_it_leaves_out_and_the_rest_is_the_default() {
        let written = Basic::builder()
            .read_write_type(ReadWriteType::WriteOnly)
            .include_management_events(false)
            .exclude_management_event_sources("kms.amazonaws.com")
            .build();
        let excluded = ["kms.amazonaws.com".to_owned()].into();
        assert_eq!(
            basic(&written),
            EventSelector::Basic { management: false, read_write: "WriteOnly".into(), excluded }
        );
        let all = EventSelector::Basic { management: true, read_write: "All".into(), excluded: [].into() };
        assert_eq!(basic(&Basic::builder().build()), all);
    }

    #[test]
    fn every_operator_of_a_field_is_read() {
        let written = AdvancedFieldSelector::builder()
            .field("eventSource")
            .equals("a")
            .starts_with("b")
            .ends_with("c")
            .not_equals("d")
            .not_starts_with("e")
            .not_ends_with("f")
            .build()
            .unwrap();
        let one = |value: &str| vec![value.to_owned()];
        assert_eq!(
            field(&written),
            FieldSelector {
                field: "eventSource".into(),
                equals: one("a"),
                starts_with: one("b"),
                ends_with: one("c"),
                not_equals: one("d"),
                not_starts_with: one("e"),
                not_ends_with: one("f"),
            }
        );
    }
}
