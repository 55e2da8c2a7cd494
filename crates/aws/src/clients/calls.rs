//! Counts every call that is sent, by service and operation.

use aws_sdk_ec2::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One operation of one service, such as (`EC2`, `DescribeVpcs`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Called {
    /// The service, as the SDK names it.
    pub service: String,
    /// The operation.
    pub operation: String,
}

/// How often each operation was sent. Every try counts: each one takes from a throttle bucket. Clones share the numbers.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<BTreeMap<Called, u64>>>);

impl Calls {
    /// What was sent since the last time, and starts again from nothing.
    pub fn take(&self) -> BTreeMap<Called, u64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, service: &str, operation: &str) {
        let called = Called { service: service.into(), operation: operation.into() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(called).or_default() += 1;
    }
}

/// The interceptor that counts.
#[derive(Debug)]
pub(super) struct Count(pub(super) Calls);

impl Intercept for Count {
    fn name(&self) -> &'static str {
        "Count"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = bag.load::<Metadata>() {
            self.0.add(metadata.service(), metadata.name());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_starts_again_from_nothing() {
        let calls = Calls::default();
        calls.clone().add("EC2", "DescribeVpcs");
        calls.add("EC2", "DescribeVpcs");
        let counted: Vec<_> = calls.take().into_values().collect();
        assert_eq!(counted, [2]);
        assert!(calls.take().is_empty());
    }
}
