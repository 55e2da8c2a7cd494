//! Observing: five calls at once, whatever the number of VPCs, gateways and routes.

use super::listing::{self, ByVpc};
use crate::errors::unseen;
use crate::network::Network;
use reconciler::{Bound, Fault, Observe};
use std::collections::BTreeMap;
use topology::nat::{Desired, Nat, Observed, ObservedVpc};
use topology::{Scope, Seen, Unseen, VpcId, VpcName};

impl Observe<Nat> for Network {
    async fn observe(&self, bound: &Bound, desired: &Desired, scope: &Scope) -> Observed {
        let vpcs: BTreeMap<&VpcName, &VpcId> =
            desired.vpcs.keys().filter_map(|name| bound.vpcs.get_key_value(name)).collect();
        let asked: Vec<&str> = vpcs.values().map(|id| id.as_str()).filter(|id| scope.covers(id)).collect();
        if asked.is_empty() {
            let nothing = |(name, _): (&&VpcName, _)| ((*name).clone(), Seen::Unknown(Unseen::OutOfScope));
            return Observed {
                vpcs: vpcs.iter().map(nothing).collect(),
                addresses: Seen::Unknown(Unseen::OutOfScope),
                away: Seen::Unknown(Unseen::OutOfScope),
            };
        }
        let clients = match self.clients.regional(&bound.place) {
            Ok(clients) => clients,
            Err(fault) => return blind(&vpcs, &fault),
        };
        let (gateways, subnets, tables, addresses, away) = tokio::join!(
            listing::gateways(&clients, &asked),
            listing::subnets(&clients, &bound.place.region, &asked),
            listing::tables(&clients, &asked),
            listing::addresses(&clients),
            listing::away(&clients),
        );
        let vpc = |(name, id): (&&VpcName, &&VpcId)| {
            let seen = if scope.covers(id.as_str()) {
                Seen::Present(ObservedVpc {
                    id: (*id).clone(),
                    gateways: of(&gateways, id),
                    subnets: of(&subnets, id),
                    tables: of(&tables, id),
                })
            } else {
                Seen::Unknown(Unseen::OutOfScope)
            };
            ((*name).clone(), seen)
        };
        Observed { vpcs: vpcs.iter().map(vpc).collect(), addresses: seen(addresses), away: seen(away) }
    }
}

/// A VPC's part of an answer that covers several.
fn of<T: Clone>(answer: &Result<ByVpc<T>, Fault>, vpc: &VpcId) -> Seen<Vec<T>> {
    match answer {
        Ok(found) => found.get(vpc).map_or(Seen::Absent, |those| Seen::Present(those.clone())),
        Err(fault) => Seen::Unknown(unseen(fault)),
    }
}

/// An answer without anything in it is `Absent`.
fn seen<T: IntoIterator>(answer: Result<T, Fault>) -> Seen<T>
where
    for<'a> &'a T: IntoIterator,
{
    match answer {
        Ok(found) if (&found).into_iter().next().is_none() => Seen::Absent,
        Ok(found) => Seen::Present(found),
        Err(fault) => Seen::Unknown(unseen(&fault)),
    }
}

/// Nothing was asked at all.
fn blind(vpcs: &BTreeMap<&VpcName, &VpcId>, fault: &Fault) -> Observed {
    Observed {
        vpcs: vpcs.keys().map(|name| ((*name).clone(), Seen::Unknown(unseen(fault)))).collect(),
        addresses: Seen::Unknown(unseen(fault)),
        away: Seen::Unknown(unseen(fault)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reconciler::FaultClass;

    #[test]
    fn an_answer_without_any_is_absent_and_a_failed_one_is_unknown() {
        let (here, there) = (VpcId::from("vpc-1"), VpcId::from("vpc-2"));
        let found: Result<ByVpc<u8>, Fault> = Ok([(here.clone(), vec![1, 2])].into());
        assert_eq!(of(&found, &here), Seen::Present(vec![1, 2]));
        assert_eq!(of(&found, &there), Seen::Absent);
        for (class, retryable) in [(FaultClass::Retryable, true), (FaultClass::Terminal, false)] {
            let failed = Fault::new("DescribeSubnets", class, "refused");
            let unknown = Unseen::Failed { retryable, why: failed.to_string() };
            assert_eq!(of::<u8>(&Err(failed.clone()), &here), Seen::Unknown(unknown.clone()));
            assert_eq!(seen::<Vec<u8>>(Err(failed)), Seen::Unknown(unknown));
        }
        assert_eq!(seen(Ok(vec![1])), Seen::Present(vec![1]));
        assert_eq!(seen::<Vec<u8>>(Ok(vec![])), Seen::Absent);
    }
}
