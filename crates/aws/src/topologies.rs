//! The declared topologies, from the folder that the layer is mounted at. Read once, when a function starts.

use crate::clients::setting;
use crate::errors::Error;
use reconciler::{LayerMark, RefusedDocument, Served};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use topology::Place;
use topology::document::{Catalog, Refused, read_all};

/// Where Lambda mounts the layer.
const MOUNTED: &str = "/opt/topologies";
/// The largest network that was ever written down in one file is far smaller.
const LARGEST: u64 = 1024 * 1024;

/// Reads every document of `PLUMBLINE_TOPOLOGIES` (or the layer's mount). A document that is refused does not keep the others from
/// being served.
///
/// # Errors
/// When the folder cannot be listed: nobody knows what was declared.
pub fn served(home: Place) -> Result<Served, Error> {
    let folder = std::env::var("PLUMBLINE_TOPOLOGIES").unwrap_or_else(|_| MOUNTED.into());
    let layer = match std::env::var("PLUMBLINE_LAYER") {
        Ok(arn) if !arn.trim().is_empty() => Some(layer(&arn)?),
        _ => None,
    };
    let Folder { documents, refused: unreadable } = Folder::read(Path::new(&folder))?;
    let Catalog { topologies, refused: invalid } = read_all(documents);
    let unreadable = unreadable.into_iter().map(|(file, problems)| RefusedDocument { file, topology: None, problems });
    let invalid = invalid.into_iter().map(|Refused { file, id, problems }| RefusedDocument {
        file,
        topology: id,
        problems: problems.to_string(),
    });
    let refused = unreadable.chain(invalid).collect();
    Ok(Served { topologies, refused, layer, home })
}

/// The documents of a folder, as text by name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Folder {
    documents: Vec<(String, String)>,
    /// Files that are no text, with the reason.
    refused: Vec<(String, String)>,
}

impl Folder {
    /// Every `*.yaml` of the folder, and every `topology.yaml` of the folders in it.
    fn read(folder: &Path) -> Result<Self, Error> {
        let unlisted = |problem: std::io::Error| Error::Topologies {
            folder: folder.display().to_string(),
            problem: problem.to_string(),
        };
        let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(unlisted)? {
            let path = entry.map_err(unlisted)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let inner = path.join("topology.yaml");
            if path.is_dir() && inner.exists() {
                files.insert(format!("{name}/topology.yaml"), inner);
            } else if path.is_file() && name.ends_with(".yaml") {
                files.insert(name.into(), path);
            }
        }
        let mut read = Self::default();
        for (name, path) in files {
            match text(&path) {
                Ok(text) => read.documents.push((name, text)),
                Err(problem) => read.refused.push((name, problem)),
            }
        }
        Ok(read)
    }
}

fn text(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > LARGEST {
        return Err(format!("{size} bytes are more than a document may have ({LARGEST})"));
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

/// The layer and the version that `PLUMBLINE_LAYER`, the ARN of a layer version, names.
fn layer(arn: &str) -> Result<LayerMark, Error> {
    let mark = arn.rsplit_once(':').and_then(|(layer, version)| {
        let parts = layer.split(':').collect::<Vec<_>>();
        let named = matches!(parts.as_slice(), ["arn", _, "lambda", _, _, "layer", name] if !name.is_empty());
        let version = version.parse().ok()?;
        Some(LayerMark { layer: layer.into(), version }).filter(|_| named)
    });
    mark.ok_or_else(|| Error::Setting {
        variable: "PLUMBLINE_LAYER".into(),
        problem: format!("`{arn}` is not the ARN of a layer version"),
    })
}

/// The function's own account and Region: the account is that of its layer, or of the topic that it tells people by, which one
/// stack made together with it.
///
/// # Errors
/// When the environment names neither.
pub fn home() -> Result<Place, Error> {
    let arn = setting("PLUMBLINE_LAYER").or_else(|_| setting("PLUMBLINE_TOPIC"));
    let arn = arn.map_err(|_| Error::Setting {
        variable: "PLUMBLINE_LAYER".into(),
        problem: "is not set, and neither is PLUMBLINE_TOPIC: the function's own account is not known".into(),
    })?;
    place(&arn, std::env::var("AWS_REGION").ok().as_deref())
}

fn place(arn: &str, region: Option<&str>) -> Result<Place, Error> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, _, its, account, ..] if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(Place::new(*account, region.filter(|region| !region.is_empty()).unwrap_or(its)))
        }
        _ => Err(Error::Setting {
            variable: "PLUMBLINE_LAYER".into(),
            problem: format!("`{arn}` is not an ARN with an account"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_by_name_and_what_is_no_text_is_refused() {
        let folder = std::env::temp_dir().join(format!("plumbline-topologies-{}", std::process::id()));
        fs::create_dir_all(folder.join("three-tier")).unwrap();
        fs::create_dir_all(folder.join("empty")).unwrap();
        fs::write(folder.join("three-tier/topology.yaml"), "id: three-tier").unwrap();
        fs::write(folder.join("three-tier/notes.yaml"), "not a topology").unwrap();
        fs::write(folder.join("edge.yaml"), "id: edge").unwrap();
        fs::write(folder.join("README.md"), "read me").unwrap();
        fs::write(folder.join("broken.yaml"), [0xff, 0xfe]).unwrap();
        fs::write(folder.join("huge.yaml"), " ".repeat(1024 * 1024 + 1)).unwrap();
        let read = Folder::read(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            read.documents,
            [("edge.yaml".into(), "id: edge".into()), ("three-tier/topology.yaml".into(), "id: three-tier".into())]
        );
        assert_eq!(
            read.refused.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["broken.yaml", "huge.yaml"]
        );
        assert!(matches!(Folder::read(&folder), Err(Error::Topologies { .. })), "a folder that is gone");
    }

    #[test]
    fn a_layer_version_is_read_from_its_arn() {
        let mark = layer("arn:aws:lambda:eu-west-1:111122223333:layer:plumbline-topologies:12").unwrap();
        assert_eq!(mark.layer, "arn:aws:lambda:eu-west-1:111122223333:layer:plumbline-topologies");
        assert_eq!(mark.version, 12);
        for wrong in ["", "x", "arn:aws:lambda:eu-west-1:111122223333:layer:topologies", "arn:aws:s3:::bucket:1"] {
            assert!(layer(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn home_is_the_account_of_the_layer_in_the_region_of_the_function() {
        let arn = "arn:aws:lambda:eu-west-1:012345678901:layer:plumbline-topologies:12";
        assert_eq!(place(arn, Some("eu-central-1")).unwrap(), Place::new("012345678901", "eu-central-1"));
        assert_eq!(place(arn, None).unwrap(), Place::new("012345678901", "eu-west-1"));
        assert!(place("arn:aws:s3:::bucket", None).is_err());
    }
}
