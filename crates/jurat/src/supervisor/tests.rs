use super::*;

fn heard(socket: &UnixDatagram) -> String {
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut buffer = [0; 256];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[test]
fn it_is_told_at_a_path_and_at_an_abstract_name() {
    let path = env::temp_dir().join(format!("jurat-supervisor-{}", std::process::id()));
    let at_path = UnixDatagram::bind(&path).unwrap();
    let name = format!("jurat-supervisor-{}", std::process::id());
    let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
    let at_name = UnixDatagram::bind_addr(&abstract_name).unwrap();
    for (socket, name) in [(&at_path, path.clone().into_os_string()), (&at_name, format!("@{name}").into())] {
        Supervisor::at(&name, None).unwrap().going(Duration::from_secs(30));
        assert_eq!(heard(socket), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=60000000");
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_name_that_leads_nowhere_is_a_failure() {
    assert!(Supervisor::at(OsStr::new("/nonexistent/notify"), None).is_err());
    assert!(Supervisor::at(OsStr::new("@jurat-nobody-listens-here"), None).is_err());
}

#[test]
fn a_supervisor_that_does_not_read_stops_nobody() {
    let name = format!("jurat-deaf-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _deaf = UnixDatagram::bind_addr(&address).unwrap();
    let supervisor = Supervisor::at(OsStr::new(&format!("@{name}")), None).unwrap();
    for _ in 0..10_000 {
        supervisor.tell("WATCHDOG=1");
    }
}
