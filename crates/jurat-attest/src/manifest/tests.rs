use std::{
    os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener},
    process::{self, Command},
    sync::atomic::AtomicU32,
};

use super::*;

/// A folder that goes with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("jurat-attest-model-{}-{}", process::id(), MADE.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(fs::canonicalize(path).unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn model() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("model-00001.safetensors", &vec![7; 3 * PIECE + 5]);
    scratch.write("tokenizer/tokenizer.json", b"{}");
    scratch.write("config.json", b"{\"a\":1}");
    scratch.write("empty", b"");
    scratch.write("Zed.py", b"pass\n");
    scratch.write(".cache/huggingface/x.metadata", b"a time");
    scratch.write(".gitattributes", b"x");
    scratch
}

fn read(folder: &Path) -> Result<Manifest, ManifestError> {
    read_model(folder, &ManifestOptions::default(), |_| {})
}

#[test]
fn the_manifest_is_what_sha256sum_prints() {
    let scratch = model();
    let found = read(&scratch.0).unwrap();
    let script = "find . -type f -not -path '*/.*' -printf '%P\\n' | LC_ALL=C sort | xargs sha256sum";
    let printed = Command::new("sh").args(["-c", script]).current_dir(&scratch.0).output().unwrap();
    assert_eq!(found.text, String::from_utf8(printed.stdout).unwrap());
    let names: Vec<_> = found.text.lines().map(|line| &line[66..]).collect();
    let wanted = ["Zed.py", "config.json", "empty", "model-00001.safetensors", "tokenizer/tokenizer.json"];
    assert_eq!(names, wanted);

    let Model { sha256: digest, file_count, bytes, files } = found.model;
    assert_eq!(digest, Some(sha256(found.text.as_bytes()).to_string()));
    assert_eq!((file_count, bytes), (Some(5), Some(3 * (1 << 20) + 5 + 2 + 7 + 5)));
    // Whoever has the claims can make the manifest, and its digest, from the list.
    let listed: String = files.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
    assert_eq!((listed, found.source), (found.text, ManifestSource::AtStart));
}

#[test]
fn any_number_of_threads_finds_the_same_and_tells_how_far_it_is() {
    let scratch = model();
    let alone = read(&scratch.0).unwrap();
    for threads in [1, 2, 7] {
        let mut told = Vec::new();
        let options = ManifestOptions { threads, cache: None };
        let found = read_model(&scratch.0, &options, |progress| told.push(progress)).unwrap();
        assert_eq!(found, alone);
        let bytes = alone.model.bytes.unwrap();
        assert_eq!(told[0], Progress { files_done: 0, files: 5, bytes_done: 0, bytes });
        assert_eq!(*told.last().unwrap(), Progress { files_done: 5, files: 5, bytes_done: bytes, bytes });
        assert!(told.is_sorted_by_key(|progress| progress.bytes_done));
    }
}

#[test]
fn any_change_changes_the_digest() {
    let scratch = model();
    let mut seen = vec![read(&scratch.0).unwrap().model.sha256];
    scratch.write("config.json", b"{\"a\":2}");
    seen.push(read(&scratch.0).unwrap().model.sha256);
    fs::rename(scratch.0.join("config.json"), scratch.0.join("config2.json")).unwrap();
    seen.push(read(&scratch.0).unwrap().model.sha256);
    scratch.write("added", b"");
    seen.push(read(&scratch.0).unwrap().model.sha256);
    fs::remove_file(scratch.0.join("Zed.py")).unwrap();
    seen.push(read(&scratch.0).unwrap().model.sha256);
    let different: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!(different.len(), seen.len());
    // Bookkeeping of a download is no part of the model.
    scratch.write(".cache/huggingface/x.metadata", b"another time");
    assert_eq!(read(&scratch.0).unwrap().model.sha256, *seen.last().unwrap());
}

#[test]
fn links_are_followed_within_the_model_and_nowhere_else() {
    let scratch = model();
    symlink("config.json", scratch.0.join("alias.json")).unwrap();
    let files = read(&scratch.0).unwrap().model.files;
    assert_eq!(files["alias.json"], files["config.json"]);

    let secret = Scratch::new();
    let outside = secret.write("token", b"hunter2");
    for (target, word) in [
        (outside.as_path(), "leads out"),
        (Path::new("/etc/passwd"), "leads out"),
        (Path::new("tokenizer"), "link to a folder"),
        (Path::new("."), "link to a folder"),
    ] {
        let link = scratch.0.join("link");
        symlink(target, &link).unwrap();
        let error = read(&scratch.0).unwrap_err();
        fs::remove_file(&link).unwrap();
        assert!(
            matches!(error, ManifestError::Refused { .. }) && error.to_string().contains(word),
            "{error}"
        );
    }
    symlink("nothing", scratch.0.join("dangling")).unwrap();
    assert!(matches!(read(&scratch.0), Err(ManifestError::Io { .. })));
}

/// `models--x/snapshots/REVISION/file -> ../../blobs/DIGEST`.
#[test]
fn hugging_faces_cache_is_read_through_its_links() {
    let scratch = Scratch::new();
    scratch.write("models--x/blobs/abc", b"weights");
    scratch.write("models--x/refs/main", b"rev");
    let revision = scratch.0.join("models--x/snapshots/rev");
    fs::create_dir_all(&revision).unwrap();
    symlink("../../blobs/abc", revision.join("model.safetensors")).unwrap();
    let found = read(&revision).unwrap();
    assert_eq!(found.text, format!("{}  model.safetensors\n", sha256(b"weights")));
    // The folder may itself be reached through a link.
    symlink(&revision, scratch.0.join("model")).unwrap();
    assert_eq!(read(&scratch.0.join("model")).unwrap(), found);
    // Beside the blobs is outside.
    symlink("../../refs/main", revision.join("other")).unwrap();
    assert!(matches!(read(&revision), Err(ManifestError::Refused { .. })));
}

#[test]
fn what_is_no_model_is_refused() {
    let scratch = Scratch::new();
    assert!(matches!(read(&scratch.0), Err(ManifestError::Empty(_))));
    assert!(matches!(read(&scratch.0.join("absent")), Err(ManifestError::Io { .. })));
    let odd: [&[u8]; 3] = [b"new\nline", b"back\\slash", b"not-utf8-\xff"];
    for name in odd {
        let path = scratch.0.join(std::ffi::OsStr::from_bytes(name));
        fs::write(&path, b"x").unwrap();
        let error = read(&scratch.0).unwrap_err();
        fs::remove_file(&path).unwrap();
        assert!(matches!(error, ManifestError::Refused { .. }), "{error}");
    }
    // A pipe would be waited for, for ever.
    let _socket = UnixListener::bind(scratch.0.join("socket")).unwrap();
    assert!(matches!(read(&scratch.0), Err(ManifestError::Refused { .. })));
    fs::remove_file(scratch.0.join("socket")).unwrap();
    assert!(Command::new("mkfifo").arg(scratch.0.join("pipe")).status().unwrap().success());
    assert!(matches!(read(&scratch.0), Err(ManifestError::Refused { .. })));
    fs::remove_file(scratch.0.join("pipe")).unwrap();
    scratch.write(&format!("{}x", "d/".repeat(18)), b"x");
    assert!(matches!(read(&scratch.0), Err(ManifestError::Refused { .. })));
}

#[test]
fn so_many_files_are_no_model_and_a_long_list_stays_out_of_the_claims() {
    let scratch = Scratch::new();
    for at in 0..=Model::MOST_LISTED {
        scratch.write(&format!("f{at:05}"), &at.to_be_bytes());
    }
    let found = read(&scratch.0).unwrap();
    assert_eq!(found.model.file_count, Some(257));
    assert_eq!((found.model.files.len(), found.text.lines().count()), (0, 257));
    assert!(matches!(files::list(&scratch.0, 256), Err(ManifestError::TooMany(_))));
    assert_eq!(files::list(&scratch.0, 257).unwrap().len(), 257);
}

/// Files of the kernel grow while they are read: their size is said to be 0.
#[test]
fn a_file_that_is_not_what_it_was_is_refused() {
    let path = PathBuf::from("/proc/self/status");
    let stamp = Stamp::of(&fs::symlink_metadata(&path).unwrap());
    let grows = ModelFile { name: "x".to_owned(), path, stamp };
    let never = AtomicBool::new(false);
    assert!(matches!(hash(&grows, &AtomicU64::new(0), &never), Err(ManifestError::Changed { .. })));

    let scratch = model();
    for file in files::list(&scratch.0, 99).unwrap() {
        assert!(hash(&file, &AtomicU64::new(0), &never).unwrap().is_some());
        fs::write(&file.path, b"something else").unwrap();
        assert!(matches!(hash(&file, &AtomicU64::new(0), &never), Err(ManifestError::Changed { .. })));
    }
}

#[test]
fn the_cache_saves_reading_and_says_so() {
    let (scratch, state) = (model(), Scratch::new());
    let options = ManifestOptions { threads: 2, cache: Some(state.0.join("model.json")) };
    let read = || {
        let mut first = None;
        let found = read_model(&scratch.0, &options, |progress| {
            first.get_or_insert(progress);
        });
        (found.unwrap(), first.unwrap().files_done)
    };
    let (fresh, _) = read();
    assert_eq!(fresh.source, ManifestSource::AtStart);
    let (cached, saved) = read();
    assert_eq!((cached.source, saved), (ManifestSource::Cached, 5));
    assert_eq!((cached.model, cached.text), (fresh.model.clone(), fresh.text.clone()));

    // A file that changed is read again, be its size and time of modification what they were.
    let path = scratch.0.join("config.json");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, b"{\"b\":1}").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    let (changed, saved) = read();
    assert_eq!((changed.source, saved), (ManifestSource::Cached, 4));
    assert_eq!(changed.model.files["config.json"], sha256(b"{\"b\":1}").to_string());

    // A damaged cache, or one of another form, is none.
    for text in ["", "[]", r#"{"version":2,"files":[]}"#, "\u{0}"] {
        fs::write(state.0.join("model.json"), text).unwrap();
        assert_eq!(read().0.source, ManifestSource::AtStart, "{text:?}");
        assert_eq!(read().0.source, ManifestSource::Cached, "it was written anew");
    }
    let unwritable = ManifestOptions { threads: 1, cache: Some(state.0.join("no/such/folder.json")) };
    assert_eq!(read_model(&scratch.0, &unwritable, |_| {}).unwrap().source, ManifestSource::AtStart);
}
