//! The payments path on AWS. `payments` decides; here are DynamoDB and SNS behind its ports, and API Gateway, the schedule and SQS before
//! it. Nothing of Plumbline uses it, and it uses nothing of Plumbline.

mod api;
mod clients;
mod edge;
mod emf;
mod process;
mod record;
mod records;
mod requests;
mod topic;

pub use edge::Error;
pub use process::process;
pub use record::record;
