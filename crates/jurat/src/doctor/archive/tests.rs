use std::path::PathBuf;

use jurat_ledger::DURABLE_BOUNDS;
use jurat_verify::Status;

use super::*;

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("jurat-doctor-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn a_folder_is_tried_out_and_left_as_it_was() {
    let folder = scratch("folder");
    assert_eq!(writable(&folder).status, Status::Pass);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing is left behind");
    let made_later = writable(&folder.join("deep/er"));
    assert_eq!(made_later.status, Status::Pass);
    assert!(!folder.join("deep").exists(), "it is not made");
    // A file where the folder should be.
    std::fs::write(folder.join("file"), "").unwrap();
    assert_eq!(writable(&folder.join("file/below")).status, Status::Fail);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_bound_that_the_disk_does_not_hold_is_said() {
    let folder = scratch("space");
    let line = space(&folder, &Bounds { bytes: u64::MAX, ..DURABLE_BOUNDS });
    assert!(line.advice.as_ref().is_some_and(|advice| advice.contains("room")), "{line}");
    // Nothing is free where there is no disk.
    assert_eq!(space(Path::new("/proc"), &DURABLE_BOUNDS).status, Status::Fail);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_is_held_is_seen() {
    let folder = scratch("lock");
    let file = folder.join("receipts.redb");
    assert!(lock(&file).finding.contains("no file yet"));
    let held = File::create(&file).unwrap();
    assert!(lock(&file).finding.contains("nobody holds"));
    held.lock().unwrap();
    let line = lock(&file);
    assert!(line.finding.contains("a process holds") && line.advice.is_some(), "{line}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_server_that_is_not_there_is_a_failure() {
    let settings = SharedSettings::new("redis://127.0.0.1:1".parse().unwrap(), DURABLE_BOUNDS);
    let line = server(&settings);
    assert_eq!(line.status, Status::Fail);
    assert!(line.finding.contains("redis://127.0.0.1:1"), "{line}");
}
