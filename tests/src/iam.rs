//! Least privilege, proved: a role allows exactly what its function called in the end-to-end run, and what AWS needs beside that.

use crate::template::{Grants, Unreadable};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a function called: `service:Operation`, such as `ec2:DescribeVpcs`, as IAM spells the service.
pub type Calls = BTreeSet<String>;

/// One function with its role.
#[derive(Clone, Debug, Default)]
pub struct Function {
    /// What its role allows.
    pub grants: Grants,
    /// What Lambda does with the role by itself; see `Template::features`.
    pub features: BTreeSet<String>,
}

/// `tests/iam/dependent-actions.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependent {
    /// What it is for.
    pub about: String,
    /// Calls that IAM authorizes under another name.
    pub renamed: Vec<Renamed>,
    /// Actions needed beside calls.
    pub dependent: Vec<Needs>,
    /// Actions that functions need where the run does not come by.
    pub unexercised: Vec<Unexercised>,
}

/// Actions that functions need for what the end-to-end run does not do with them; scenarios on twins do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unexercised {
    /// The functions, by logical id.
    pub functions: BTreeSet<String>,
    /// The actions.
    pub actions: BTreeSet<String>,
    /// When they are called.
    pub why: String,
}

/// A call that IAM authorizes under another name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renamed {
    /// The API operation.
    pub call: String,
    /// The actions that it is authorized as.
    pub actions: BTreeSet<String>,
    /// Whether each of them is needed, or at least one.
    pub needs: Share,
    /// Why.
    pub why: String,
    /// Where AWS says so.
    pub source: String,
}

/// How many of the actions a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    /// Each.
    All,
    /// At least one; which, depends on what is in the call.
    Some,
}

/// Actions needed beside a call or a feature.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needs {
    /// When.
    pub when: When,
    /// Which.
    pub actions: BTreeSet<String>,
    /// Why.
    pub why: String,
    /// Where AWS says so.
    pub source: String,
}

/// What makes a dependent action needed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// An API call; needed whenever it is made, unless `with` narrows it.
    pub call: Option<String>,
    /// A parameter that the call must carry. Our calls carry none of these; a role that allows the action is at fault.
    pub with: Option<String>,
    /// What Lambda does with the role.
    pub feature: Option<String>,
}

impl Dependent {
    /// Reads the committed table.
    ///
    /// # Errors
    /// When it is missing or has another form.
    pub fn read() -> Result<Self, Unreadable> {
        let path = "tests/iam/dependent-actions.json";
        serde_json::from_value(crate::template::json(path)?)
            .map_err(|error| Unreadable::Form(path.into(), error.to_string()))
    }

    fn is_unexercised(&self, function: &str, action: &str) -> bool {
        let listed = |one: &Unexercised| one.functions.contains(function) && one.actions.contains(action);
        self.unexercised.iter().any(listed)
    }

    fn renamed(&self, call: &str) -> Option<&Renamed> {
        self.renamed.iter().find(|renamed| renamed.call == call)
    }

    fn beside(&self, function: &Function, calls: &Calls) -> BTreeSet<&str> {
        let made = |when: &When| match when {
            When { with: Some(_), .. } => false,
            When { call: Some(call), with: None, feature: None } => calls.contains(call),
            When { call: None, with: None, feature: Some(feature) } => function.features.contains(feature),
            When { call: _, with: None, feature: _ } => false,
        };
        self.dependent
            .iter()
            .filter(|needs| made(&needs.when))
            .flat_map(|needs| &needs.actions)
            .map(String::as_str)
            .collect()
    }
}

/// The calls of each function in a journal of the local cloud (`GET /_localcloud/calls`), by logical id. `names`: logical id by
/// function name, see `Template::function_names`; callers that are no function of ours are left out. What the policies were asked
/// counts, where the journal says so: a transaction is authorized item by item.
pub fn of_journal(journal: &[Value], names: &BTreeMap<String, String>) -> BTreeMap<String, Calls> {
    let mut calls = BTreeMap::<String, Calls>::new();
    for call in journal {
        let Some(function) = function_of(call, names) else { continue };
        let asked =
            call["decisions"].as_array().into_iter().flatten().filter_map(|decision| decision["action"].as_str());
        let mut asked: Calls = asked.map(str::to_owned).collect();
        if let (true, Some(service), Some(action)) =
            (asked.is_empty(), call["service"].as_str(), call["action"].as_str())
        {
            asked.insert(format!("{service}:{action}"));
        }
        calls.entry(function.clone()).or_default().extend(asked);
    }
    calls
}

// A function's session is named after it: `arn:aws:sts::<account>:assumed-role/<role>/<function>`.
fn function_of<'a>(call: &Value, names: &'a BTreeMap<String, String>) -> Option<&'a String> {
    let session = call["caller"].as_str().filter(|caller| caller.contains(":assumed-role/"))?;
    names.get(session.rsplit('/').next()?)
}

/// Whether a call of a journal was one of our functions', and a policy was against it.
pub fn is_denied(call: &Value, names: &BTreeMap<String, String>) -> bool {
    let refused = call["allowed"] == false
        || call["decisions"].as_array().into_iter().flatten().any(|decision| decision["allowed"] == false);
    refused && function_of(call, names).is_some()
}

/// A role that is not exactly right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// The function called it, or AWS needs it, and the role does not allow it.
    Missing {
        /// The function.
        function: String,
        /// The action.
        action: String,
    },
    /// The role allows it and nothing needed it.
    Unused {
        /// The function.
        function: String,
        /// The action.
        action: String,
        /// The statements that allow it.
        sids: BTreeSet<String>,
    },
    /// The role allows more than can be told apart.
    Wildcard {
        /// The function.
        function: String,
        /// The action, with its `*` or `?`.
        action: String,
    },
    /// The run called nothing at all with this function, so it proves nothing.
    Silent {
        /// The function.
        function: String,
    },
    /// Calls came in under a name that the template does not have.
    Stranger {
        /// The function.
        function: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { function, action } => write!(f, "{function}: needs {action}, its role does not allow it"),
            Self::Unused { function, action, sids } => {
                let sids: Vec<_> = sids.iter().map(String::as_str).collect();
                write!(f, "{function}: allows {action} ({}), nothing used it", sids.join(", "))
            }
            Self::Wildcard { function, action } => write!(f, "{function}: {action}: name the actions one by one"),
            Self::Silent { function } => write!(f, "{function}: called nothing in this run"),
            Self::Stranger { function } => write!(f, "{function}: called, but not in the template"),
        }
    }
}

/// Holds the roles against the calls. `functions`: by logical id; `calls`: by logical id too.
pub fn compare(
    calls: &BTreeMap<String, Calls>,
    functions: &BTreeMap<String, Function>,
    dependent: &Dependent,
) -> Vec<Finding> {
    let mut findings: BTreeSet<Finding> = calls
        .keys()
        .filter(|name| !functions.contains_key(*name))
        .map(|name| Finding::Stranger { function: name.clone() })
        .collect();
    let none = Calls::new();
    for (name, function) in functions {
        findings.extend(one(name, function, calls.get(name).unwrap_or(&none), dependent));
    }
    findings.into_iter().collect()
}

fn one(name: &str, function: &Function, calls: &Calls, dependent: &Dependent) -> Vec<Finding> {
    if calls.is_empty() {
        return vec![Finding::Silent { function: name.into() }];
    }
    let mut needed = dependent.beside(function, calls);
    // Allowed, and explained by a call that may have needed it; never demanded.
    let mut explained = BTreeSet::new();
    let mut findings = vec![];
    for call in calls {
        match dependent.renamed(call) {
            None => {
                needed.insert(call);
            }
            Some(Renamed { actions, needs: Share::All, .. }) => needed.extend(actions.iter().map(String::as_str)),
            Some(Renamed { call, actions, needs: Share::Some, .. }) => {
                if !actions.iter().any(|action| function.grants.contains_key(action)) {
                    findings
                        .push(Finding::Missing { function: name.into(), action: format!("one of those of {call}") });
                }
                explained.extend(actions.iter().map(String::as_str));
            }
        }
    }
    let missing = needed.iter().filter(|action| !function.grants.contains_key(**action));
    findings.extend(missing.map(|action| Finding::Missing { function: name.into(), action: (*action).into() }));
    for (action, sids) in &function.grants {
        if action.contains(['*', '?']) {
            findings.push(Finding::Wildcard { function: name.into(), action: action.clone() });
        } else if !needed.contains(action.as_str())
            && !explained.contains(action.as_str())
            && !dependent.is_unexercised(name, action)
        {
            let (function, action, sids) = (name.into(), action.clone(), sids.clone());
            findings.push(Finding::Unused { function, action, sids });
        }
    }
    findings
}
