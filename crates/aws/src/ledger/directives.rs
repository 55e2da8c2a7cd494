//! What people ordered.

use super::item::{self, ttl};
use super::keys::{self, DIRECTIVES};
use super::table::Table;
use reconciler::Fault;
use topology::{Directive, Place, Subject, Verb};

pub(super) async fn direct(table: &Table, place: &Place, directive: &Directive) -> Result<(), Fault> {
    let mut item = item::item(&keys::place(place), &keys::directive(directive.verb, &directive.subject), directive)?;
    if let Some(until) = directive.until {
        item.insert("ttl".into(), ttl(until, DIRECTIVES));
    }
    table.put(item, None).await.map(|_| ())
}

pub(super) async fn withdraw(
    table: &Table,
    place: &Place,
    verb: Verb,
    subject: &Subject,
) -> Result<Option<Directive>, Fault> {
    let stood = table.delete(&keys::place(place), &keys::directive(verb, subject)).await?;
    stood.filter(|item| !item.is_empty()).as_ref().map(item::body).transpose()
}
