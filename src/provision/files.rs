//! Which files of a folder are read, and each of them once.
//!
//! A folder may be a Kubernetes ConfigMap: its files are links into a hidden folder (`..data`), which is itself a link to
//! another. What is hidden belongs to whoever laid the folder out, not to its reader.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use crate::error::Problem;

/// The deepest folder below the one named.
const DEEPEST_FOLDER: usize = 8;

pub(super) fn is_toml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

/// Returns every `*.toml` below the folders, sorted, and what could not be looked at. Hidden files and folders are left out;
/// a file or folder that is reached in several ways, also by links, counts once.
pub(super) fn toml_files(folders: &[PathBuf]) -> (Vec<PathBuf>, Vec<Problem>) {
    let mut search = Search::default();
    for folder in folders {
        search.folder(folder, 0);
    }
    let mut files = search.files;
    files.sort();
    (files, search.problems)
}

#[derive(Default)]
struct Search {
    /// Folders and files that were found, by what they are and not by how they are named.
    seen: BTreeSet<PathBuf>,
    files: Vec<PathBuf>,
    problems: Vec<Problem>,
}

impl Search {
    fn folder(&mut self, folder: &Path, depth: usize) {
        if depth > DEEPEST_FOLDER {
            self.problems.push(
                Problem::new(
                    "too-deep",
                    format!("lies more than {DEEPEST_FOLDER} folders deep and is not read"),
                )
                .at(folder.display().to_string())
                .advise("move it up, or name it in `objects` itself"),
            );
            return;
        }
        let entries = match self.entries(folder) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(folder, &error),
        };
        for path in entries {
            if path.is_dir() {
                self.folder(&path, depth + 1);
            } else if is_toml(&path) {
                self.file(path);
            }
        }
    }

    /// What is in a folder by name; nothing where the folder was looked at before.
    fn entries(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        if !self.seen.insert(folder.canonicalize()?) {
            return Ok(Vec::new());
        }
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if !is_hidden(&path) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    fn file(&mut self, path: PathBuf) {
        match path.canonicalize() {
            Ok(real) => {
                if self.seen.insert(real) {
                    self.files.push(path);
                }
            }
            Err(error) => self.unreadable(&path, &error),
        }
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        let problem = Problem::new("unreadable", format!("cannot be read: {error}"))
            .at(path.display().to_string());
        self.problems.push(match error.kind() {
            io::ErrorKind::NotADirectory => problem.advise("name the folder that the file lies in"),
            io::ErrorKind::PermissionDenied => {
                problem.advise("let the account that runs `daybrief` read it, and enter the folders above it")
            }
            io::ErrorKind::NotFound if path.is_symlink() => {
                problem.advise("it is a link to something that is not there: mend or remove the link")
            }
            io::ErrorKind::NotFound => problem.advise(
                "name a folder that is there: `[instance] objects` in the settings, or on the command line",
            ),
            _ => problem,
        });
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| OsStr::as_encoded_bytes(name).starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(folders: &[PathBuf]) -> Vec<String> {
        let (files, problems) = toml_files(folders);
        assert_eq!(problems, []);
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        files.iter().map(name).collect()
    }

    /// A folder with one file in it, below a new one.
    fn laid_out() -> (tempfile::TempDir, PathBuf) {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("objects");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("people.toml"), "").unwrap();
        (base, folder)
    }

    #[test]
    fn a_config_map_is_read_once_and_through_its_visible_links() {
        let base = tempfile::tempdir().unwrap();
        let version = base.path().join("..2026_11_30_21_00_00.123");
        std::fs::create_dir(&version).unwrap();
        for name in ["people.toml", "shop.toml"] {
            std::fs::write(version.join(name), "").unwrap();
            symlink(Path::new("..data").join(name), base.path().join(name)).unwrap();
        }
        symlink("..2026_11_30_21_00_00.123", base.path().join("..data")).unwrap();
        let folders = [base.path().to_owned()];
        assert_eq!(names(&folders), ["people.toml", "shop.toml"]);
        let (files, _) = toml_files(&folders);
        assert_eq!(files[0], base.path().join("people.toml"));
    }

    #[test]
    fn a_folder_that_is_named_twice_or_by_an_alias_is_read_once() {
        let (base, folder) = laid_out();
        let alias = base.path().join("alias");
        symlink(&folder, &alias).unwrap();
        let dotted = base.path().join("objects/../objects");
        for folders in [
            vec![folder.clone(), folder.clone()],
            vec![folder.clone(), alias.clone()],
            vec![alias, folder.clone()],
            vec![folder.clone(), dotted],
            vec![base.path().to_owned(), folder.clone()],
        ] {
            assert_eq!(names(&folders), ["people.toml"], "{folders:?}");
        }
        symlink(folder.join("people.toml"), folder.join("again.toml")).unwrap();
        assert_eq!(names(&[folder]).len(), 1);
    }

    #[test]
    fn links_that_lead_round_end() {
        let (base, folder) = laid_out();
        symlink(".", folder.join("self")).unwrap();
        symlink(base.path(), folder.join("up")).unwrap();
        symlink("b", folder.join("a")).unwrap();
        symlink("a", folder.join("b")).unwrap();
        assert_eq!(names(std::slice::from_ref(&folder)), ["people.toml"]);
        symlink("none.toml", folder.join("broken.toml")).unwrap();
        let (_, problems) = toml_files(&[folder]);
        assert!(
            problems[0]
                .to_string()
                .contains("broken.toml: cannot be read")
        );
    }

    #[test]
    fn what_is_hidden_is_not_read_and_what_lies_too_deep_is_told() {
        let (base, folder) = laid_out();
        std::fs::write(folder.join(".#people.toml"), "").unwrap();
        std::fs::create_dir(folder.join(".git")).unwrap();
        std::fs::write(folder.join(".git/x.toml"), "").unwrap();
        std::fs::write(folder.join("UPPER.TOML"), "").unwrap();
        assert_eq!(
            names(std::slice::from_ref(&folder)),
            ["UPPER.TOML", "people.toml"]
        );
        std::fs::create_dir_all(base.path().join("objects/1/2/3/4/5/6/7/8/9")).unwrap();
        let (_, problems) = toml_files(std::slice::from_ref(&folder));
        assert!(
            problems[0].to_string().contains("folders deep"),
            "{problems:?}"
        );
        let (_, problems) = toml_files(&[folder.join("people.toml")]);
        assert!(
            problems[0].to_string().contains("name the folder"),
            "{problems:?}"
        );
    }
}
