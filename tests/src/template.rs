//! `template.yaml` as data. CloudFormation's short tags are dropped while reading: `!Ref X` is the text `X`, `!GetAtt X.Arn` is
//! `X.Arn`, `!Sub` is its text, and `!If [c, a, b]` is the array.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Why a file of the repository could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It could not be opened.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// It is not what its name says.
    #[error("{0}: {1}")]
    Form(PathBuf, String),
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A JSON file of the repository, by its path from the root.
///
/// # Errors
/// When there is none, or it is not JSON.
pub fn json(path: impl AsRef<Path>) -> Result<Value, Unreadable> {
    let path = root().join(path);
    serde_json::from_str(&text(&path)?).map_err(|error| Unreadable::Form(path, error.to_string()))
}

fn text(path: &Path) -> Result<String, Unreadable> {
    std::fs::read_to_string(path).map_err(|error| Unreadable::File(path.into(), error))
}

/// The SAM template.
#[derive(Clone, Debug)]
pub struct Template(Value);

/// What a function's role allows: actions, and the statement of each.
pub type Grants = BTreeMap<String, BTreeSet<String>>;

impl Template {
    /// Reads `template.yaml` of this repository.
    ///
    /// # Errors
    /// When there is none, or it is not YAML.
    pub fn read() -> Result<Self, Unreadable> {
        Self::at("template.yaml")
    }

    /// Reads another template of the repository, by its path from the root.
    ///
    /// # Errors
    /// When there is none, or it is not YAML.
    pub fn at(path: impl AsRef<Path>) -> Result<Self, Unreadable> {
        let path = root().join(path);
        serde_saphyr::from_str(&text(&path)?).map(Self).map_err(|error| Unreadable::Form(path, error.to_string()))
    }

    /// A whole section, such as `Parameters`.
    pub fn section(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// A value under `Globals.Function`.
    pub fn global(&self, property: &str) -> &Value {
        &self.0["Globals"]["Function"][property]
    }

    /// Every resource by its logical id.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0["Resources"].as_object().into_iter().flatten().map(|(name, resource)| (name.as_str(), resource))
    }

    /// The resources of a type, such as `AWS::SQS::Queue`.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.resources().filter(move |(_, resource)| resource["Type"] == kind)
    }

    /// The properties of a resource; null if there is none of that name.
    pub fn properties(&self, name: &str) -> &Value {
        &self.0["Resources"][name]["Properties"]
    }

    /// The pattern of every rule that has one. A parameter in it stands for its default.
    pub fn patterns(&self) -> BTreeMap<&str, Value> {
        self.of_type("AWS::Events::Rule")
            .filter_map(|(name, rule)| rule["Properties"].get("EventPattern").map(|pattern| (name, pattern)))
            .map(|(name, pattern)| (name, self.resolved(pattern)))
            .collect()
    }

    fn resolved(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match self.section("Parameters").get(text) {
                Some(parameter) => parameter["Default"].clone(),
                None => value.clone(),
            },
            Value::Array(items) => items.iter().map(|item| self.resolved(item)).collect(),
            Value::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), self.resolved(field))).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// The statements of a function's role, those that a parameter grants among them.
    pub fn statements(&self, function: &str) -> Vec<&Map<String, Value>> {
        let role =
            self.properties(function)["Role"].as_str().and_then(|role| role.strip_suffix(".Arn")).unwrap_or_default();
        let policies = self.properties(role)["Policies"].as_array().into_iter().flatten();
        policies
            .flat_map(list)
            .flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]))
            .filter_map(Value::as_object)
            .collect()
    }

    /// The actions that a function's role allows, each with the Sids that allow it.
    pub fn grants(&self, function: &str) -> Grants {
        let mut grants = Grants::new();
        for statement in self.statements(function) {
            let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or("without a Sid");
            for action in statement.get("Action").map(list).unwrap_or_default().into_iter().filter_map(Value::as_str) {
                grants.entry(action.to_owned()).or_default().insert(sid.to_owned());
            }
        }
        grants
    }

    /// Every function with what its role allows, by logical id: one half of what `iam::compare` compares.
    pub fn functions(&self) -> BTreeMap<String, crate::iam::Function> {
        let names = self.of_type("AWS::Serverless::Function").map(|(name, _)| name);
        let function = |name| crate::iam::Function { grants: self.grants(name), features: self.features(name) };
        names.map(|name| (name.to_owned(), function(name))).collect()
    }

    /// Logical ids by the names that the functions have in a stack.
    pub fn function_names(&self, stack: &str) -> BTreeMap<String, String> {
        let named = |(id, function): (&str, &Value)| {
            let name = function["Properties"]["FunctionName"].as_str()?.replace("${AWS::StackName}", stack);
            Some((name, id.to_owned()))
        };
        self.of_type("AWS::Serverless::Function").filter_map(named).collect()
    }

    /// What Lambda itself does with a function's role, as named in `tests/iam/dependent-actions.json`.
    pub fn features(&self, function: &str) -> BTreeSet<String> {
        let properties = self.properties(function);
        let mut events = properties["Events"].as_object().into_iter().flatten();
        let on_failure = &properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"];
        [
            ("log-group", properties["LoggingConfig"].get("LogGroup").is_some()),
            ("sqs-event-source", events.any(|(_, event)| event["Type"] == "SQS")),
            ("sqs-on-failure", on_failure["Type"] == "SQS"),
        ]
        .into_iter()
        .filter(|(_, used)| *used)
        .map(|(feature, _)| feature.to_owned())
        .collect()
    }
}

/// One or many, as IAM writes it.
pub fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => vec![],
        one => vec![one],
    }
}

/// Every sample event that EventBridge would match, by its path under `events/`.
///
/// # Errors
/// When one cannot be read.
pub fn envelopes() -> Result<BTreeMap<String, Value>, Unreadable> {
    let all = samples()?;
    Ok(all.into_iter().filter(|(_, event)| event.get("detail-type").is_some()).collect())
}

/// Every file under `events/` but its README, by its path there.
///
/// # Errors
/// When one cannot be read, or is not JSON.
pub fn samples() -> Result<BTreeMap<String, Value>, Unreadable> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join("events")];
    while let Some(folder) = folders.pop() {
        let unreadable = |error| Unreadable::File(folder.clone(), error);
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                let event = json(&path)?;
                let name = path.strip_prefix(root().join("events")).unwrap_or(&path);
                found.insert(name.to_string_lossy().into_owned(), event);
            }
        }
    }
    Ok(found)
}
