//! `openat2` does the walking, so that no link can be put into the way between a look and a use, openat2(2). Where there is none what
//! is read is reached name by name; nothing is written.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::Unreadable;
use crate::files::{ENTRIES_MAX, FileKind, Metadata, WRITE_BYTES_MAX};

/// Opens an absolute path; a link anywhere in it is refused.
fn open(path: &str, flags: OFlags) -> Result<OwnedFd, Unreadable> {
    let names = path.strip_prefix('/').unwrap_or("..");
    if !names.is_empty() && names.split('/').any(|name| matches!(name, "" | "." | "..")) {
        let shown: String = path.chars().take(200).collect();
        return Err(Unreadable::Invalid(format!(
            "{shown:?} is no absolute path without empty names, \".\" and \"..\""
        )));
    }
    let flags = flags | OFlags::CLOEXEC;
    match rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Err(Errno::NOSYS) => walk(names, flags),
        opened => opened,
    }
    .map_err(|error| refused(path, error))
}

/// The same name by name, where there is no `openat2`: the sandbox's runner has none, because no filter sees what that would open.
fn walk(names: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let way = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder = rustix::fs::openat(CWD, "/", way | OFlags::DIRECTORY, Mode::empty())?;
    let Some((above, last)) = names.rsplit_once('/').or_else(|| (!names.is_empty()).then_some(("", names))) else {
        return rustix::fs::openat(&folder, ".", flags, Mode::empty());
    };
    let is_link = |entry: &OwnedFd| {
        rustix::fs::fstat(entry).map(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    };
    for name in above.split('/').filter(|name| !name.is_empty()) {
        folder = rustix::fs::openat(&folder, name, way, Mode::empty())?;
        if is_link(&folder)? {
            return Err(Errno::LOOP);
        }
    }
    let opened = rustix::fs::openat(&folder, last, flags | OFlags::NOFOLLOW, Mode::empty());
    match opened {
        // A link is no folder; that it is one is the better word.
        Err(Errno::NOTDIR) if is_link(&rustix::fs::openat(&folder, last, way, Mode::empty())?)? => Err(Errno::LOOP),
        opened => opened,
    }
}

fn refused(path: &str, error: Errno) -> Unreadable {
    match error {
        Errno::NOENT | Errno::NOTDIR => Unreadable::NotFound(path.to_owned()),
        Errno::LOOP => Unreadable::Denied(format!("{path} leads through a symbolic link: name the real path")),
        Errno::XDEV => Unreadable::Denied(format!("{path} lies beyond a mount: name it in a grant of its own")),
        Errno::ACCESS | Errno::PERM => {
            Unreadable::NotPermitted(format!("{path}: the operating system does not allow it ({error})"))
        }
        Errno::NOSYS => Unreadable::Unsupported("writing files (this kernel has no openat2)".to_owned()),
        other => Unreadable::Failed(format!("{path}: {other}")),
    }
}

/// Reads what is known of a path.
pub(crate) fn stat(path: &str) -> Result<Metadata, Unreadable> {
    // With these two flags a link at the end is opened itself.
    let file = open(path, OFlags::PATH | OFlags::NOFOLLOW)?;
    let stat = rustix::fs::fstat(&file).map_err(|e| refused(path, e))?;
    Ok(metadata(path.to_owned(), &stat))
}

/// Lists a folder.
pub(crate) fn list(path: &str) -> Result<Vec<Metadata>, Unreadable> {
    let at = path;
    let folder = open(at, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let entries = Dir::read_from(&folder).map_err(|e| refused(at, e))?;
    let mut listed = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| refused(at, e))?;
        // A name that is no text cannot be named in the contract.
        let Ok(name) = entry.file_name().to_str() else { continue };
        if matches!(name, "." | "..") {
            continue;
        }
        if listed.len() == ENTRIES_MAX {
            return Err(Unreadable::Exhausted("entries_max"));
        }
        match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => listed.push(metadata(format!("{}/{name}", at.trim_end_matches('/')), &stat)),
            // It went away meanwhile.
            Err(Errno::NOENT) => {}
            Err(error) => return Err(refused(at, error)),
        }
    }
    listed.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(listed)
}

fn metadata(path: String, stat: &Stat) -> Metadata {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        _ => FileKind::Other,
    };
    // Before 1970 is as good as 1970.
    let ms = |seconds: i64, nanos: u64| u64::try_from(seconds).unwrap_or(0) * 1_000 + nanos / 1_000_000;
    Metadata {
        path,
        kind,
        size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
        modified_ms: ms(stat.st_mtime, stat.st_mtime_nsec),
        changed_ms: ms(stat.st_ctime, stat.st_ctime_nsec),
        mode: stat.st_mode & 0o7777,
        owner: stat.st_uid,
    }
}

/// Reads a piece of a regular file.
pub(crate) fn read(path: &str, offset_bytes: u64, length_bytes: u64) -> Result<Vec<u8>, Unreadable> {
    let at = path;
    // Opening a pipe waits for a writer, and opening a device may do something: neither waits nor becomes a terminal here.
    let file = open(at, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
    let stat = rustix::fs::fstat(&file).map_err(|e| refused(at, e))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Unreadable::Invalid(format!("{at} is no regular file")));
    }
    let mut file = File::from(file);
    let mut bytes = Vec::new();
    let read = file.seek(SeekFrom::Start(offset_bytes)).and_then(|_| file.take(length_bytes).read_to_end(&mut bytes));
    read.map_err(|error| Unreadable::Failed(format!("{at}: {error}")))?;
    Ok(bytes)
}

/// The folder in which a path lies, reached from the base without a link and without crossing a mount, and the last name.
fn parent<'a>(path: &'a str, base: &str) -> Result<(OwnedFd, &'a str), Unreadable> {
    let below = path.strip_prefix(base.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
    // The base itself is what the grant hangs on: it is neither written nor removed.
    let below = below.filter(|below| below.split('/').all(|name| !matches!(name, "" | "." | "..")));
    let below = below.ok_or_else(|| Unreadable::Denied(format!("{path} does not lie below {base}")))?;
    let (folder, name) = below.rsplit_once('/').unwrap_or((".", below));
    let base = open(base, OFlags::PATH | OFlags::DIRECTORY)?;
    let how = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV | ResolveFlags::BENEATH;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::openat2(base, folder, flags, Mode::empty(), how).map_err(|e| refused(path, e))?;
    Ok((folder, name))
}

/// Removes one entry.
pub(crate) fn remove(path: &str, base: &str) -> Result<u64, Unreadable> {
    let at = path;
    let (folder, name) = parent(path, base)?;
    let stat = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| refused(at, e))?;
    let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    let flags = if is_folder { AtFlags::REMOVEDIR } else { AtFlags::empty() };
    rustix::fs::unlinkat(&folder, name, flags).map_err(|error| match error {
        Errno::NOTEMPTY | Errno::EXIST => Unreadable::Failed(format!("{at} is a folder that is not empty")),
        Errno::BUSY => Unreadable::Denied(format!("{at} is a mount")),
        other => refused(at, other),
    })?;
    // A file that has another name still holds its bytes.
    let freed = !is_folder && stat.st_nlink == 1;
    Ok(if freed { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 })
}

/// Writes a new file beside the old one and puts it in its place.
pub(crate) fn write(path: &str, contents: &[u8], base: &str) -> Result<(), Unreadable> {
    let at = path;
    if contents.len() > WRITE_BYTES_MAX {
        return Err(Unreadable::Exhausted("write_bytes_max"));
    }
    let (folder, name) = parent(path, base)?;
    let before = match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => Some(stat),
        Ok(_) => return Err(Unreadable::Invalid(format!("{at} is no regular file"))),
        Err(Errno::NOENT) => None,
        Err(error) => return Err(refused(at, error)),
    };
    let temporary = temporary_name();
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file =
        rustix::fs::openat(&folder, &temporary, flags, Mode::from_raw_mode(0o600)).map_err(|e| refused(at, e))?;
    let written = fill(file, contents, before.as_ref())
        .and_then(|()| Ok(rustix::fs::renameat(&folder, &temporary, &folder, name)?));
    if let Err(error) = written {
        // What is left is ours, and only a name.
        let _ = rustix::fs::unlinkat(&folder, &temporary, AtFlags::empty());
        return Err(Unreadable::Failed(format!("{at}: {error}")));
    }
    rustix::fs::fsync(folder.as_fd()).map_err(|e| refused(at, e))
}

fn temporary_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!(".fitment-{}-{}.new", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn fill(file: OwnedFd, contents: &[u8], before: Option<&Stat>) -> std::io::Result<()> {
    let mut file = File::from(file);
    file.write_all(contents)?;
    if let Some(before) = before {
        let (owner, group) = (rustix::fs::Uid::from_raw(before.st_uid), rustix::fs::Gid::from_raw(before.st_gid));
        rustix::fs::fchown(&file, Some(owner), Some(group))?;
    }
    // Bits that lend the owner's rights to whoever runs the file do not pass to contents that somebody else wrote.
    let mode = before.map_or(0o644, |before| before.st_mode & 0o777);
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::Path;

    use super::*;

    fn text(path: &Path) -> &str {
        path.to_str().expect("a text")
    }

    fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("a real path");
        (folder, path)
    }

    #[test]
    fn files_are_read_and_links_are_not_followed_wherever_they_stand() {
        let (_folder, root) = folder();
        std::fs::create_dir(root.join("real")).expect("a folder");
        std::fs::write(root.join("real/file"), "contents").expect("a file");
        symlink("real", root.join("linked")).expect("a link");
        symlink("real/file", root.join("link")).expect("a link");
        assert_eq!(read(text(&root.join("real/file")), 3, 3).expect("a file"), b"ten");
        for path in ["linked/file", "link"] {
            let refused = read(text(&root.join(path)), 0, 10);
            assert!(matches!(refused, Err(Unreadable::Denied(_))), "{path}: {refused:?}");
        }
        assert!(matches!(stat(text(&root.join("linked/file"))), Err(Unreadable::Denied(_))));
        assert_eq!(stat(text(&root.join("link"))).expect("a link").kind, FileKind::Symlink);
        let kinds: Vec<FileKind> = list(text(&root)).expect("a folder").into_iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, [FileKind::Symlink, FileKind::Symlink, FileKind::Directory]);
        assert!(matches!(read(text(&root.join("real")), 0, 1), Err(Unreadable::Invalid(_))));
        assert!(matches!(read(text(&root.join("none")), 0, 1), Err(Unreadable::NotFound(_))));
        for path in ["relative", "/a/../b", "/a//b", "/./a", ""] {
            assert!(matches!(read(path, 0, 1), Err(Unreadable::Invalid(_))), "{path}");
        }
    }

    #[test]
    fn a_walk_name_by_name_follows_no_link_either() {
        let (_folder, root) = folder();
        std::fs::create_dir(root.join("real")).expect("a folder");
        std::fs::write(root.join("real/file"), "contents").expect("a file");
        symlink("real", root.join("linked")).expect("a link");
        symlink("real/file", root.join("link")).expect("a link");
        let open = |path: &str, flags| walk(text(&root.join(path)).trim_start_matches('/'), flags);
        assert!(open("real/file", OFlags::RDONLY).is_ok());
        assert!(open("link", OFlags::PATH | OFlags::NOFOLLOW).is_ok());
        assert!(walk("", OFlags::RDONLY | OFlags::DIRECTORY).is_ok());
        for path in ["linked/file", "link"] {
            assert_eq!(open(path, OFlags::RDONLY).expect_err("a link"), Errno::LOOP, "{path}");
        }
        assert_eq!(open("linked", OFlags::RDONLY | OFlags::DIRECTORY).expect_err("a link"), Errno::LOOP);
        assert_eq!(open("real/none", OFlags::RDONLY).expect_err("nothing"), Errno::NOENT);
        assert_eq!(open("real/file/x", OFlags::RDONLY).expect_err("a file"), Errno::NOTDIR);
    }

    #[test]
    fn what_is_written_or_removed_lies_within_the_grant_and_behind_no_link() {
        let (_folder, root) = folder();
        let (_other, elsewhere) = folder();
        std::fs::write(elsewhere.join("precious"), "precious").expect("a file");
        std::fs::create_dir(root.join("a")).expect("a folder");
        symlink(&elsewhere, root.join("a/out")).expect("a link");
        let base = text(&root);
        for path in ["a/out/precious", "a/out/new"] {
            let path = root.join(path);
            assert!(matches!(remove(text(&path), base), Err(Unreadable::Denied(_) | Unreadable::NotFound(_))));
            assert!(matches!(write(text(&path), b"x", base), Err(Unreadable::Denied(_))));
        }
        for path in [&elsewhere.join("precious"), &root, &root.join("../x"), &root.join("a/../../x")] {
            assert!(matches!(remove(text(path), base), Err(Unreadable::Denied(_))), "{path:?}");
        }
        // The link itself may go; where it led to stays.
        assert_eq!(remove(text(&root.join("a/out")), base).expect("a link"), link_bytes(&elsewhere));
        assert_eq!(std::fs::read(elsewhere.join("precious")).expect("a file"), b"precious");
        write(text(&root.join("a/new")), b"twelve bytes", base).expect("a place");
        assert!(matches!(remove(text(&root.join("a")), base), Err(Unreadable::Failed(_))), "not empty");
        assert_eq!(remove(text(&root.join("a/new")), base).expect("a file"), 12);
        assert_eq!(remove(text(&root.join("a")), base).expect("an empty folder"), 0);
    }

    fn link_bytes(target: &Path) -> u64 {
        target.as_os_str().len() as u64
    }

    #[test]
    fn a_written_file_keeps_its_mode_but_lends_no_rights_and_leaves_nothing_beside_it() {
        let (_folder, root) = folder();
        let file = root.join("tool");
        std::fs::write(&file, "old").expect("a file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4750)).expect("a mode");
        write(text(&file), b"new", text(&root)).expect("a place");
        assert_eq!(std::fs::read(&file).expect("a file"), b"new");
        assert_eq!(std::fs::metadata(&file).expect("a file").mode() & 0o7777, 0o750);
        assert_eq!(std::fs::read_dir(&root).expect("a folder").count(), 1);
        let large = vec![0; WRITE_BYTES_MAX + 1];
        assert!(matches!(write(text(&file), &large, text(&root)), Err(Unreadable::Exhausted(_))));
    }
}
