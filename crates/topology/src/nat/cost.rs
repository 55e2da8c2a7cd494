//! What a plan changes in the monthly bill, in words.

use crate::core::Region;

/// A month has 730 hours, as in AWS's own calculator.
const HOURS: i64 = 730;
/// A public IPv4 address, in use or not, in thousandths of a dollar an hour (<https://aws.amazon.com/vpc/pricing/>).
const ADDRESS: i64 = 5;
/// A NAT gateway where its price is not in the table.
const TYPICAL: i64 = 50;

/// What a NAT gateway costs an hour, in thousandths of a dollar, by the price list of Amazon VPC
/// (<https://aws.amazon.com/vpc/pricing/>), 2026-11.
fn hourly(region: &Region) -> Option<i64> {
    Some(match region.as_str() {
        "us-east-1" | "us-east-2" | "us-west-2" => 45,
        "eu-north-1" => 46,
        "us-west-1" | "eu-west-1" => 48,
        "ca-central-1" | "eu-west-2" | "eu-west-3" => 50,
        "eu-central-1" => 52,
        "ap-south-1" => 56,
        "ap-northeast-2" | "ap-southeast-1" | "ap-southeast-2" => 59,
        "ap-northeast-1" | "ap-northeast-3" => 62,
        "sa-east-1" => 93,
        _ => return None,
    })
}

/// What changes: gateways (a regional one counts for each of its zones) and addresses, more or fewer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bill {
    pub(super) gateways: i64,
    pub(super) addresses: i64,
}

/// One line; `None` when nothing changes.
pub(super) fn monthly(name: &str, region: &Region, bill: Bill) -> Option<String> {
    let Bill { gateways, addresses } = bill;
    if bill == Bill::default() {
        return None;
    }
    let price = hourly(region);
    let mills = (gateways * price.unwrap_or(TYPICAL) + addresses * ADDRESS) * HOURS;
    let sign = if mills < 0 { "-" } else { "+" };
    let cents = (mills.abs() + 5) / 10;
    let mut parts = vec![];
    if gateways != 0 {
        let each = price.unwrap_or(TYPICAL);
        let about = if price.is_some() { "" } else { "about " };
        parts.push(format!("{} at {about}$0.{each:03} an hour", counted(gateways, "NAT gateway", "NAT gateways")));
    }
    if addresses != 0 {
        parts.push(format!("{} at $0.{ADDRESS:03} an hour", counted(addresses, "public address", "public addresses")));
    }
    let about = if price.is_some() || gateways == 0 { "" } else { "about " };
    Some(format!(
        "{name}: {about}{sign}${}.{:02} a month ({}; the data that goes through is billed apart)",
        cents / 100,
        cents % 100,
        parts.join(", ")
    ))
}

fn counted(count: i64, one: &str, many: &str) -> String {
    let what = if count.abs() == 1 { one } else { many };
    format!("{} {what} {}", count.abs(), if count < 0 { "fewer" } else { "more" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_is_worked_out_by_region() {
        let line = |region: &str, gateways, addresses| {
            monthly("main", &Region::from(region), Bill { gateways, addresses }).unwrap_or_default()
        };
        assert_eq!(
            line("eu-west-1", 2, 2),
            "main: +$77.38 a month (2 NAT gateways more at $0.048 an hour, 2 public addresses more at $0.005 an hour; the data \
             that goes through is billed apart)"
        );
        assert_eq!(
            line("us-east-1", -1, 0),
            "main: -$32.85 a month (1 NAT gateway fewer at $0.045 an hour; the data that goes through is billed apart)"
        );
        assert_eq!(
            line("xx-new-1", 1, -1),
            "main: about +$32.85 a month (1 NAT gateway more at about $0.050 an hour, 1 public address fewer at $0.005 an \
             hour; the data that goes through is billed apart)"
        );
        assert_eq!(line("eu-west-1", 0, 0), "");
    }
}
