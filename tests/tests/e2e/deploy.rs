//! The next deploy of the control plane, with other documents: what `sam deploy` does, from a copy of `topologies/`.

use crate::stage::{CONTROL_PLANE, Stage};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A copy of the repository's `topologies/`, removed when it goes out of scope.
pub(crate) struct Documents(PathBuf);

impl Documents {
    /// Copies them.
    pub(crate) fn copied() -> Self {
        let slot = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").unwrap_or_default();
        let folder = std::env::temp_dir().join(format!("plumbline-e2e-{}-{slot}", std::process::id()));
        let documents = Self(folder);
        for entry in fs::read_dir(root().join("topologies")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                let name = path.file_name().unwrap().to_str().unwrap();
                documents.write(name, &fs::read_to_string(path.join("topology.yaml")).unwrap());
            }
        }
        documents
    }

    /// Writes one document.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.0.join(name)).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// Replaces a text that is there in one document.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "no `{from}` in {name}");
        self.write(name, &text.replacen(from, to, 1));
    }

    /// Takes one document away.
    pub(crate) fn remove(&self, name: &str) {
        fs::remove_dir_all(self.0.join(name)).unwrap();
    }

    /// Renames one document's folder.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.0.join(from), self.0.join(to)).unwrap();
    }

    /// Deploys template.yaml with these documents as its layer; answers the ARN of the layer's version.
    pub(crate) fn deploy(&self, stage: &Stage) -> String {
        self.deploy_with(stage, &[]).unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same with parameters; why not, if it fails.
    pub(crate) fn deploy_with(&self, stage: &Stage, parameters: &[&str]) -> Result<String, String> {
        let mut command = deployer(stage);
        command.args(["--template", "template.yaml", "--stack", CONTROL_PLANE]);
        command.args(["--parameter", "RecheckSeconds=1", "--parameter", "ConfigRule=on"]);
        command.args(["--parameter", "StackRepair=execute", "--parameter", "SweepSchedule=rate(1 hour)"]);
        for parameter in parameters {
            command.args(["--parameter", parameter]);
        }
        let out = run(command.arg("--binaries").arg(binaries()).arg("--topologies").arg(&self.0))?;
        let outputs: serde_json::Value = serde_json::from_str(&out).expect("outputs");
        Ok(outputs["TopologiesLayer"].as_str().expect("the layer").to_owned())
    }

    /// Renders one document and makes its network's stack, `network-<name>`.
    pub(crate) fn deploy_network(&self, stage: &Stage, name: &str) {
        let template = self.0.join(name).join("network.json");
        let rendered = run(Command::new(binaries().join("plumb")).arg("render").arg(self.path(name)));
        fs::write(&template, rendered.unwrap_or_else(|why| panic!("{why}"))).unwrap();
        let stack = format!("network-{name}");
        let made = run(deployer(stage).arg("--template").arg(&template).args(["--stack", &stack]));
        assert!(made.is_ok(), "{made:?}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name).join("topology.yaml")
    }
}

impl Drop for Documents {
    fn drop(&mut self) {
        // A temporary folder that is left behind fails no test.
        _ = fs::remove_dir_all(&self.0);
    }
}

/// Deletes a stack, as `aws cloudformation delete-stack` does; why not, if it fails.
pub(crate) fn delete_stack(stage: &Stage, stack: &str) -> Result<(), String> {
    run(deployer(stage).args(["--delete", "--stack", stack])).map(|_| ())
}

fn deployer(stage: &Stage) -> Command {
    let mut command = Command::new(root().join(".venv/localcloud/bin/python"));
    command.current_dir(root()).args(["-m", "localcloud.deploy", "--quiet"]);
    command.args(["--endpoint", stage.endpoint(), "--region", stage.region()]);
    command
}

/// What a command prints; what it complains of, if it fails.
fn run(command: &mut Command) -> Result<String, String> {
    let answer = command.output().expect("the local cloud's Python and plumb are there; scripts/test makes them");
    match answer.status.success() {
        true => Ok(String::from_utf8_lossy(&answer.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&answer.stderr).into_owned()),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The folder of the binaries that were built with this test: `target/debug/deps/e2e-…` is beside them.
fn binaries() -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    test.ancestors().nth(2).expect("target/debug").to_owned()
}
