use std::os::unix::net::UnixListener;

use jurat_verify::Status;

use super::*;

#[test]
fn a_derived_key_is_never_said_to_be_jurats_alone() {
    let folder = std::env::temp_dir().join(format!("jurat-doctor-{}-dstack", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let socket = folder.join("dstack.sock");
    let listening = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();
    let derived = judge(&socket, KeyChoice::Dstack);
    assert_eq!(derived.status, Status::Skip);
    assert!(derived.finding.contains("mode 777") && derived.finding.contains("others too"), "{derived}");
    assert!(derived.advice.unwrap().contains("same signing key"));
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o700)).unwrap();
    let fresh = judge(&socket, KeyChoice::Fresh);
    assert_eq!(fresh.status, Status::Pass);
    assert!(fresh.finding.contains("its owner alone"), "{fresh}");
    drop(listening);
    assert_eq!(judge(&socket, KeyChoice::Fresh).status, Status::Skip, "nobody listens");
    fs::remove_dir_all(folder).unwrap();
}
