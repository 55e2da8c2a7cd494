//! A payment as a client asks for it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt;

/// The longest body that is read, in bytes. A request has less than 300.
const LONGEST: usize = 4096;
/// The largest amount, in minor units: far from what would lose digits in JSON readers that know doubles only.
const LARGEST: u64 = 1_000_000_000_000;

/// What a client calls a payment, for ever: 8 to 64 letters, digits, `-` and `_`. A UUID, say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PaymentId(String);

impl PaymentId {
    /// The id, as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PaymentId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !plain || !(8..=64).contains(&text.len()) {
            return Err("8 to 64 letters, digits, - and _, such as a UUID");
        }
        let bare: Vec<u8> = text.bytes().filter(|b| b.is_ascii_alphanumeric()).collect();
        if (12..=19).contains(&bare.len()) && bare.iter().all(u8::is_ascii_digit) {
            return Err("this looks like a card number, which must not be sent here; use a UUID");
        }
        Ok(Self(text))
    }
}

impl From<PaymentId> for String {
    fn from(PaymentId(text): PaymentId) -> Self {
        text
    }
}

impl fmt::Display for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(String);

impl TryFrom<String> for Currency {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()) {
            return Ok(Self(text));
        }
        Err("an ISO 4217 code, such as EUR")
    }
}

impl From<Currency> for String {
    fn from(Currency(text): Currency) -> Self {
        text
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Money, in minor units of its currency: 1250 EUR are 12.50 euro.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Amount {
    /// How many minor units.
    pub minor: u64,
    /// Of which currency.
    pub currency: Currency,
}

/// What the payment provider gave the client in exchange for a card. It is worth money, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token itself, for the provider and for the store that keeps it until the payment is decided.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Token {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = text.strip_prefix("tok_").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric()));
        if plain && (12..=128).contains(&text.len()) {
            return Ok(Self(text));
        }
        Err("a token of the payment provider: tok_ and 8 to 124 letters and digits")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The member of the body, or `body`.
    pub field: String,
    /// What to send instead. Nothing of what was sent is repeated: it might be a card number.
    pub expected: String,
}

/// A request that is not taken, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request has {} problems", problems.len())]
pub struct Invalid {
    /// At least one.
    pub problems: Vec<Problem>,
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRequest {
    /// Who asks, as the authorizer calls them. The same payment of somebody else is another request.
    pub by: String,
    /// Which payment.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Amount,
    /// From whom.
    pub token: Token,
}

impl PaymentRequest {
    /// Reads `{"payment_id": "…", "amount": 1250, "currency": "EUR", "token": "tok_…"}`. The id may come as the `Idempotency-Key`
    /// header (`key`) instead.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn read(by: &str, body: &[u8], key: Option<&str>) -> Result<Self, Invalid> {
        let problem = |field: &str, expected: &str| Problem { field: field.into(), expected: expected.into() };
        let shape = "a JSON object with payment_id, amount, currency and token";
        if body.len() > LONGEST {
            return Err(Invalid { problems: vec![problem("body", &format!("at most {LONGEST} bytes"))] });
        }
        let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
            return Err(Invalid { problems: vec![problem("body", shape)] });
        };
        let mut problems = vec![];
        let inside = text::<PaymentId>(&mut fields, "payment_id");
        let outside = key.map(|key| PaymentId::try_from(key.to_owned()).map_err(ToOwned::to_owned));
        let payment_id = match (inside, outside) {
            (Some(Ok(one)), Some(Ok(other))) if one != other => {
                problems.push(problem("payment_id", "the same as the Idempotency-Key header, or one of the two"));
                None
            }
            (Some(Ok(id)), Some(Ok(_)) | None) | (None, Some(Ok(id))) => Some(id),
            (Some(Err(expected)), _) | (_, Some(Err(expected))) => {
                problems.push(problem("payment_id", &expected));
                None
            }
            (None, None) => {
                problems.push(problem("payment_id", "an id of your own for this payment, such as a UUID"));
                None
            }
        };
        let minor = fields.remove("amount").and_then(|value| value.as_u64()).filter(|n| (1..=LARGEST).contains(n));
        if minor.is_none() {
            problems.push(problem("amount", "a whole number of minor units from 1, such as 1250 for 12.50"));
        }
        let mut wanted = |found: Option<Result<(), String>>, field: &str, missing: &str| match found {
            Some(Ok(())) => {}
            Some(Err(expected)) => problems.push(problem(field, &expected)),
            None => problems.push(problem(field, missing)),
        };
        let currency = text::<Currency>(&mut fields, "currency");
        wanted(currency.as_ref().map(|c| c.as_ref().map(drop).map_err(Clone::clone)), "currency", "an ISO 4217 code");
        let token = text::<Token>(&mut fields, "token");
        wanted(token.as_ref().map(|t| t.as_ref().map(drop).map_err(Clone::clone)), "token", "a token of the provider");
        if !fields.is_empty() {
            // Names of members are not repeated either: whoever puts a card number anywhere must not find it in a log.
            problems.push(problem("body", shape));
        }
        match (payment_id, minor, currency, token) {
            (Some(payment_id), Some(minor), Some(Ok(currency)), Some(Ok(token))) if problems.is_empty() => {
                Ok(Self { by: by.into(), payment_id, amount: Amount { minor, currency }, token })
            }
            _ => Err(Invalid { problems }),
        }
    }

    /// What makes two requests of one id the same: a digest, so that the token need not be kept to compare.
    pub fn fingerprint(&self) -> String {
        let Self { by, payment_id, amount: Amount { minor, currency }, token } = self;
        // Whoever asks comes last: it is the one part that could hold a line's end.
        let text = format!("{payment_id}\n{minor}\n{currency}\n{}\n{by}", token.reveal());
        hex(&Sha256::digest(text))
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A member that is a text of a form; absent is `None`.
fn text<T: TryFrom<String, Error = &'static str>>(
    fields: &mut Map<String, Value>,
    name: &str,
) -> Option<Result<T, String>> {
    match fields.remove(name)? {
        Value::String(text) => Some(T::try_from(text).map_err(ToOwned::to_owned)),
        _ => Some(Err("a text".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"payment_id":"0192f0c1-7e57","amount":1250,"currency":"EUR","token":"tok_4fGh7Kq2"}"#;

    fn problems(body: &str, key: Option<&str>) -> Vec<String> {
        let Invalid { problems } = PaymentRequest::read("ana", body.as_bytes(), key).unwrap_err();
        problems.into_iter().map(|Problem { field, expected }| format!("{field}: {expected}")).collect()
    }

    #[test]
    fn a_request_is_read_with_its_id_inside_or_as_a_header() {
        let request = PaymentRequest::read("ana", GOOD.as_bytes(), None).unwrap();
        assert_eq!((request.payment_id.as_str(), request.amount.minor), ("0192f0c1-7e57", 1250));
        assert_eq!(PaymentRequest::read("ana", GOOD.as_bytes(), Some("0192f0c1-7e57")).unwrap(), request);
        let without = GOOD.replace(r#""payment_id":"0192f0c1-7e57","#, "");
        assert_eq!(PaymentRequest::read("ana", without.as_bytes(), Some("0192f0c1-7e57")).unwrap(), request);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        insta::assert_snapshot!(problems(r#"{"amount":12.5,"currency":"euro","token":7,"card":"4111111111111111"}"#, None).join("\n"), @"
        payment_id: an id of your own for this payment, such as a UUID
        amount: a whole number of minor units from 1, such as 1250 for 12.50
        currency: an ISO 4217 code, such as EUR
        token: a text
        body: a JSON object with payment_id, amount, currency and token
        ");
        assert_eq!(problems(GOOD, Some("another-id-1")).len(), 1);
        for body in ["", "null", "[]", "\"a\"", "{", "\u{0}"] {
            assert_eq!(problems(body, None), ["body: a JSON object with payment_id, amount, currency and token"]);
        }
        assert_eq!(problems(&format!("{GOOD}{}", " ".repeat(LONGEST)), None), ["body: at most 4096 bytes"]);
        for amount in ["0", "-1", "1e3", "\"1250\"", "null", "1000000000001", "99999999999999999999"] {
            assert_eq!(problems(&GOOD.replace("1250", amount), None).len(), 1, "{amount}");
        }
    }

    #[test]
    fn a_card_number_is_no_id_and_is_never_repeated() {
        for number in ["4111111111111111", "4111-1111-1111-1111", "378282246310005"] {
            let said = problems(&GOOD.replace("0192f0c1-7e57", number), None).join(" ");
            assert!(said.contains("looks like a card number") && !said.contains("411"), "{said}");
        }
        let request = PaymentRequest::read("ana", GOOD.as_bytes(), None).unwrap();
        assert!(!format!("{request:?}").contains("4fGh7Kq2"));
    }

    #[test]
    fn the_fingerprint_tells_requests_apart() {
        let by = |who: &str, body: &str| PaymentRequest::read(who, body.as_bytes(), None).unwrap().fingerprint();
        let read = |body: &str| by("ana", body);
        let all = [
            read(GOOD),
            read(&GOOD.replace("1250", "1251")),
            read(&GOOD.replace("EUR", "USD")),
            read(&GOOD.replace("4fGh7Kq2", "4fGh7Kq3")),
            read(&GOOD.replace("0192f0c1-7e57", "0192f0c1-7e58")),
            by("ben", GOOD),
        ];
        assert_eq!(read(GOOD), all[0]);
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    }
}
