use std::time::Instant;

use super::*;

const NONCE: Nonce = Nonce::new([0xab; 32]);
const LONG: Duration = Duration::from_secs(20);

/// A shell in the tool's place. `$1` is the nonce.
fn shell(script: &str) -> SwitchCommand {
    let line = ["sh", "-c", script, "sh", SwitchCommand::NONCE].map(str::to_owned);
    SwitchCommand::new(&line, LONG).unwrap()
}

fn certificate() -> String {
    STANDARD.encode("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n\0\0\0")
}

fn report(nonce: &Nonce) -> Vec<u8> {
    let mut report = vec![0x11, 0xe0, 0x01, 0xff];
    report.extend_from_slice(nonce.as_bytes());
    report.resize(1900, 5);
    report
}

fn output(nonce: &Nonce, arch: &str) -> String {
    let (certificate, evidence) = (certificate(), STANDARD.encode(report(nonce)));
    format!(
        r#"{{"evidences":[{{"arch":"{arch}","certificate":"{certificate}","evidence":"{evidence}","version":"1.0"}}],"result_code":0}}"#
    )
}

#[test]
fn what_the_tool_writes_is_evidence() {
    // The tool's own words, put together around the nonce that it is given.
    let (head, tail) = (STANDARD.encode([0x11, 0xe0, 0x01]), STANDARD.encode([5; 1866]));
    let certificate = certificate();
    let script = format!(
        r#"body=$(printf '\377%b' "$(printf %s "$1" | sed 's/../\\x&/g')" | base64 -w0)
           printf '{{"evidences":[{{"arch":"LS10","certificate":"{certificate}","evidence":"{head}%s{tail}"}}]}}' "$body""#
    );
    let line = ["bash", "-c", &script, "bash", "{nonce}"].map(str::to_owned);
    let evidence = SwitchCommand::new(&line, LONG).unwrap().evidence(&NONCE).unwrap();
    assert_eq!(evidence.len(), 1);
    assert_eq!(evidence[0].report[..36], report(&NONCE)[..36]);
    assert!(evidence[0].certificate_chain.ends_with(b"-----END CERTIFICATE-----\n"));
}

#[test]
fn other_output_is_none() {
    assert_eq!(read(output(&NONCE, "LS10").as_bytes(), &NONCE).unwrap().len(), 1);
    for (text, word) in [
        (output(&Nonce::new([1; 32]), "LS10"), "switch 0: its report does not carry the nonce"),
        (output(&NONCE, "HOPPER"), "HOPPER"),
        (output(&NONCE, "LS10").replace(&certificate(), "AAAA"), "no PEM"),
        (output(&NONCE, "LS10").replace("\"result_code\":0", "\"result_code\":7"), "result code is 7"),
        (output(&NONCE, "LS10").replace("EeAB", "*"), "base64"),
        ("no JSON".to_owned(), "not legible"),
        (String::new(), "not legible"),
    ] {
        let refusal = read(text.as_bytes(), &NONCE).unwrap_err();
        assert!(refusal.contains(word), "wanted {word}: {refusal}");
    }
}

#[test]
fn the_program_is_bounded_in_time_and_words() {
    let failed = |command: &SwitchCommand| command.evidence(&NONCE).unwrap_err();
    assert!(failed(&shell("echo broken >&2; exit 3")).contains("broken"));
    assert!(failed(&shell("head -c 2000000 /dev/zero")).contains("more than 1048576 bytes"));
    let absent = SwitchCommand::new(&["/nonexistent/nvattest".into(), "{nonce}".into()], LONG).unwrap();
    assert!(failed(&absent).contains("/nonexistent/nvattest: it does not start"));

    // A child of its own that holds on to the pipe does not hold us.
    for script in ["sleep 60", "sleep 60 & echo", "exec >&- 2>&-; sleep 60"] {
        let begun = Instant::now();
        let hasty = SwitchCommand { patience: Duration::from_millis(200), ..shell(script) };
        assert!(failed(&hasty).contains("did not end within 0.2 s"), "{script}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{script}: {:?}", begun.elapsed());
    }
    // What it says beside its output does not stop it.
    let loud = shell("head -c 300000 /dev/zero >&2; echo '{\"evidences\":[]}'");
    assert_eq!(loud.evidence(&NONCE), Ok(Vec::new()));
}

#[test]
fn nothing_of_ours_is_in_its_environment() {
    let failure = shell("env >&2; exit 1").evidence(&NONCE).unwrap_err();
    let told: Vec<_> = failure.split("\\n").collect();
    assert!(told.iter().any(|line| line.contains("PATH=/usr/local/sbin")), "{failure}");
    assert!(!failure.contains("CARGO") && !failure.contains("HOME="), "{failure}");
}

#[test]
fn a_command_line_must_ask_for_our_nonce() {
    let line = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(SwitchCommand::new(&[], LONG), Err(BadSwitchCommand::Empty));
    for words in [&["nvattest"][..], &["{nonce}", "collect-evidence"]] {
        assert_eq!(SwitchCommand::new(&line(words), LONG), Err(BadSwitchCommand::NoNonce), "{words:?}");
    }
    assert!(SwitchCommand::new(&line(&["nvattest", "--nonce={nonce}"]), LONG).is_ok());
}
