//! The adapter of exposure: what has public addresses, over EC2, RDS, ECS and Elastic Load Balancing.
//!
//! Calls of one observation, however many VPCs there are: DescribeSubnets, DescribeNetworkInterfaces of the managed subnets,
//! DescribeSecurityGroups where a tier names groups, and of the whole Region, for no describe of theirs knows VPCs: DescribeDBInstances (a
//! call for each 100), DescribeLoadBalancers (400), ListClusters (100), and for each cluster ListServices (100 a page) and
//! DescribeServices (10 a call).

mod apply;
mod listing;
mod mapping;
mod observe;
