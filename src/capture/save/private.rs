//! Files that only their owner may read.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Mode of a private file.
#[cfg(unix)]
const MODE: u32 = 0o600;

/// Creates a file; an existing one is overwritten. If `is_private`, only its owner may read it,
/// also if it existed before.
///
/// # Errors
/// The file cannot be created, or it cannot be made private.
pub fn create(path: &Path, is_private: bool) -> io::Result<File> {
    if !is_private {
        return File::create(path);
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, MODE);
    let file = options.open(path)?;
    restrict(&file).map_err(|error| {
        let why = format!("it cannot be made private for the TLS secrets ({error}): use --no-secrets");
        io::Error::new(error.kind(), why)
    })?;
    Ok(file)
}

/// Makes an open file private. Anything but a regular file (such as a pipe) keeps its mode.
///
/// # Errors
/// The file belongs to another user, or its file system has no modes.
#[cfg(unix)]
pub fn restrict(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o777 == MODE {
        return Ok(());
    }
    file.set_permissions(std::fs::Permissions::from_mode(MODE))
}

/// Does nothing: this system has no modes.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn restrict(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_existing_file_becomes_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w");
        let mode = |file: &File| file.metadata().unwrap().permissions().mode() & 0o777;
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let file = create(&path, false).unwrap();
        assert_eq!(mode(&file), 0o644, "its mode is the user's business unless it holds secrets");
        restrict(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(mode(&create(&path, true).unwrap()), 0o600);
    }
}
