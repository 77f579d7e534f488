use std::{fs, path::Path};

use super::{
    machine::{has, run},
    *,
};

#[test]
fn a_password_comes_from_its_file_and_may_change() {
    let Some(machine) = Machine::start(&["--requirepass", "first"]) else { return };
    let file = machine.dir.join("password");
    let settings = SharedSettings { password_file: Some(file.clone()), ..machine.settings() };
    let store = SharedStore::new(&settings).unwrap();
    let error = store.recover().unwrap_err().to_string();
    assert!(error.contains("password file"), "{error}");
    fs::write(&file, "wrong-one\n").unwrap();
    let error = store.recover().unwrap_err().to_string();
    assert!(error.contains("WRONGPASS") && !error.contains("wrong-one"), "{error}");
    fs::write(&file, "first\r\n").unwrap();
    store.recover().unwrap();
    let mut signer = signer(1);
    store.commit(&more(&mut signer, 1, 1, 10)).unwrap();
    assert!(!format!("{settings:?}").contains("first"));

    let naked = machine.store();
    assert!(matches!(naked.recover(), Err(StoreError::Unavailable(text)) if text.starts_with("NOAUTH")));

    machine.cli(&["-a", "first", "CONFIG", "SET", "requirepass", "second"]);
    fs::write(&file, "second").unwrap();
    machine.cli(&["-a", "second", "CLIENT", "KILL", "TYPE", "normal"]);
    store.commit(&more(&mut signer, 1, 1, 10)).unwrap();
    assert_eq!(found(&store, "1-2"), Some(id(1, 2)));
}

#[test]
fn a_user_with_few_rights_is_enough() {
    let Some(machine) = Machine::start(&[]) else { return };
    let file = machine.dir.join("password");
    fs::write(&file, "secret").unwrap();
    let rights = "on >secret ~jurat:* +@read +@write +@fast +@scripting +@connection -@dangerous";
    let words: Vec<&str> = ["ACL", "SETUSER", "sidecar"].into_iter().chain(rights.split(' ')).collect();
    assert_eq!(machine.cli(&words), "OK");
    let settings =
        SharedSettings { username: Some("sidecar".into()), password_file: Some(file), ..machine.settings() };
    let (store, mut signer) = (SharedStore::new(&settings).unwrap(), signer(1));
    store.recover().unwrap();
    store.commit(&more(&mut signer, 1, 3, 10)).unwrap();
    assert_eq!(outline(&store, 1).len(), 3);
    assert_eq!(prune(&store, 10, &signer), Pruned::Enough);
}

#[test]
fn tls_trusts_the_named_roots_alone() {
    if !has("openssl") {
        eprintln!("skipped: no openssl on this machine");
        return;
    }
    let Some(plain) = Machine::start(&[]) else { return };
    let dir = &plain.dir;
    authority(dir, "ca");
    authority(dir, "stranger");
    certificate(dir, "ca", "server", "subjectAltName=IP:127.0.0.1,DNS:localhost");
    certificate(dir, "ca", "client", "subjectAltName=DNS:client");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let file = |name: &str| dir.join(name);
    let text = |name: &str| file(name).display().to_string();
    let (cert, key, ca) = (text("server.pem"), text("server.key"), text("ca.pem"));
    let options =
        ["--tls-port", &port, "--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
    let Some(_machine) = Machine::start(&options) else { return };
    let settings = |host: &str, roots: &str, client: bool| {
        let url = format!("rediss://{host}:{port}").parse().unwrap();
        let client_certificate =
            client.then(|| ClientCertificate { cert_file: file("client.pem"), key_file: file("client.key") });
        SharedSettings {
            ca_file: Some(file(roots)),
            client_certificate,
            timeout: Duration::from_millis(700),
            ..SharedSettings::new(url, BOUNDS)
        }
    };
    let recover = |settings: SharedSettings| SharedStore::new(&settings).unwrap().recover();
    let store = SharedStore::new(&settings("127.0.0.1", "ca.pem", true)).unwrap();
    store.recover().unwrap();
    let mut signer = signer(1);
    store.commit(&more(&mut signer, 1, 200, 10)).unwrap();
    assert_eq!(outline(&store, 1).len(), 200);
    recover(settings("localhost", "ca.pem", true)).unwrap();
    let error = recover(settings("127.0.0.1", "stranger.pem", true)).unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    assert!(recover(settings("127.0.0.1", "ca.pem", false)).is_err(), "the server asks for a certificate");
    let error = recover(settings("127.0.0.1", "nowhere.pem", true)).unwrap_err().to_string();
    assert!(error.contains("nowhere.pem"), "{error}");
    // The server's name is checked: the same certificate, another address of this machine.
    assert!(recover(settings("127.0.0.2", "ca.pem", true)).is_err());
}

fn authority(dir: &Path, name: &str) {
    let (key, pem, subject) = (format!("{name}.key"), format!("{name}.pem"), format!("/CN={name}"));
    let words = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        &key,
        "-out",
        &pem,
        "-subj",
        &subject,
    ];
    run("openssl", dir, &words);
}

fn certificate(dir: &Path, by: &str, name: &str, names: &str) {
    let (key, csr, pem) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
    let (ca, ca_key, subject) = (format!("{by}.pem"), format!("{by}.key"), format!("/CN={name}"));
    run(
        "openssl",
        dir,
        &[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            &key,
            "-out",
            &csr,
            "-subj",
            &subject,
        ],
    );
    fs::write(dir.join("ext"), names).unwrap();
    run(
        "openssl",
        dir,
        &[
            "x509",
            "-req",
            "-in",
            &csr,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "ext",
            "-out",
            &pem,
        ],
    );
}
