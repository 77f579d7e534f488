use super::*;

/// A folder that goes with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("jurat-cache-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn entry(body: &[u8]) -> Entry {
    Entry { header: "chain%0A".into(), body: body.to_vec(), fresh_until: UnixSeconds(7) }
}

#[test]
fn what_is_kept_is_found_again() {
    let folder = Folder::new("found");
    let cache = Cache::open(&folder.0).unwrap();
    let name = sha256(b"https://vendor/x");
    assert_eq!(cache.read(&name), None);
    for body in [&b"first"[..], b"", b"\nsecond\n\0\xff"] {
        cache.write(&name, &entry(body)).unwrap();
        assert_eq!(Cache::open(&folder.0).unwrap().read(&name), Some(entry(body)));
    }
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "no draft is left");
}

#[test]
fn damage_is_no_answer() {
    let folder = Folder::new("damage");
    let cache = Cache::open(&folder.0).unwrap();
    let (name, other) = (sha256(b"one"), sha256(b"other"));
    cache.write(&name, &entry(b"body")).unwrap();
    let whole = fs::read(folder.0.join(name.to_string())).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        fs::write(folder.0.join(name.to_string()), &flipped).unwrap();
        // nothing but the time until which it is fresh may be altered unseen
        let read = cache.read(&name);
        assert!(read.is_none_or(|read| read.body == b"body"), "byte {at}");
    }
    for cut in 0..whole.len() {
        fs::write(folder.0.join(name.to_string()), &whole[..cut]).unwrap();
        assert_eq!(cache.read(&name), None, "cut at {cut}");
    }
    fs::write(folder.0.join(other.to_string()), &whole).unwrap();
    assert_eq!(cache.read(&other), None, "an entry under another's name");
    fs::create_dir(folder.0.join(sha256(b"folder").to_string())).unwrap();
    assert_eq!(cache.read(&sha256(b"folder")), None);
}

/// A folder may be one that others write into, such as one below /tmp.
#[test]
fn nothing_is_followed_out_of_the_folder() {
    let folder = Folder::new("links");
    let cache = Cache::open(&folder.0).unwrap();
    let (precious, draft) = (folder.0.join("precious"), folder.0.join("draft"));
    fs::write(&precious, b"mine").unwrap();
    std::os::unix::fs::symlink(&precious, &draft).unwrap();
    draw_up(&draft, b"an answer").unwrap();
    assert_eq!(
        (fs::read(&precious).unwrap(), fs::read(&draft).unwrap()),
        (b"mine".to_vec(), b"an answer".to_vec())
    );

    // reading it would wait for a writer, for ever
    let name = sha256(b"pipe");
    let made = std::process::Command::new("mkfifo").arg(cache.path(&name)).status().unwrap();
    assert!(made.success());
    assert_eq!(cache.read(&name), None);
}

#[test]
fn the_oldest_go_first_and_strangers_stay() {
    let folder = Folder::new("prune");
    let cache = Cache::open(&folder.0).unwrap();
    fs::write(folder.0.join("notes.txt"), [0; 500]).unwrap();
    for at in 0..6_u64 {
        cache.write(&sha256(&[at as u8]), &entry(&[0; 100])).unwrap();
        let file = fs::File::options().append(true).open(cache.path(&sha256(&[at as u8]))).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(at)).unwrap();
    }
    cache.prune(u64::MAX, 4);
    let there = |at: u8| cache.read(&sha256(&[at])).is_some();
    assert_eq!((0..6).map(there).collect::<Vec<_>>(), [false, false, true, true, true, true]);
    cache.prune(600, 4);
    assert_eq!((0..6).map(there).collect::<Vec<_>>(), [false, false, false, false, true, true]);
    assert!(folder.0.join("notes.txt").exists());
}

#[test]
fn writers_do_not_disturb_each_other() {
    let folder = Folder::new("race");
    let cache = Cache::open(&folder.0).unwrap();
    let name = sha256(b"contended");
    std::thread::scope(|scope| {
        for writer in 0..4_u8 {
            let cache = &cache;
            scope.spawn(move || {
                for _ in 0..50 {
                    cache.write(&name, &entry(&vec![writer; 5000])).unwrap();
                    let read = cache.read(&name).expect("one writer's entry, whole");
                    assert!(read.body.iter().all(|byte| *byte == read.body[0]), "a mixture");
                }
            });
        }
    });
}
