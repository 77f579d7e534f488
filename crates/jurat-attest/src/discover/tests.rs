use std::{fs, process, thread, time::Duration};

use super::*;

/// A name in the folder of temporary files that nothing has.
fn absent(kind: &str) -> PathBuf {
    std::env::temp_dir().join(format!("jurat-attest-no-{kind}-{}", process::id()))
}

fn refusal(source: &QuoteSource) -> String {
    match quote_provider(source) {
        Err(QuoteFailure::Unavailable(text)) => text,
        Err(other) => panic!("{source}: {other}"),
        Ok(provider) => panic!("{source} found {}", provider.name()),
    }
}

#[test]
fn a_source_that_was_named_is_the_only_one_tried() {
    // Intel's own crate takes no folder.
    if cfg!(feature = "configfs") {
        let root = absent("tsm");
        let text = refusal(&QuoteSource::Configfs(Some(root.clone())));
        assert!(text.contains("mount configfs") && text.contains(&root.display().to_string()), "{text}");
    }
    let text = refusal(&QuoteSource::Library(Some(absent("library"))));
    assert!(text.contains("jurat-attest-no-library") && !text.contains("configfs"), "{text}");
    let text = refusal(&QuoteSource::Dstack(Some(absent("socket"))));
    assert!(text.contains("does not exist") && !text.contains("configfs"), "{text}");
}

#[test]
#[cfg(feature = "configfs")]
fn a_machine_without_tdx_is_told_what_each_source_lacks() {
    let usual = DSTACK_SOCKETS.iter().copied().chain([DEFAULT_TSM_ROOT, "/dev/tdx_guest"]);
    for place in usual {
        if Path::new(place).exists() {
            eprintln!("skipped: this machine has {place}");
            return;
        }
    }
    let text = refusal(&QuoteSource::Auto);
    for part in ["configfs: ", "mount configfs", "library: ", "dstack: ", "/var/run/tappd.sock"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert!(!text.contains("no quote provider"), "said once, around it all: {text}");
}

#[test]
fn the_first_that_answers_is_taken_and_the_others_are_not_troubled() {
    struct Named(&'static str);
    impl QuoteProvider for Named {
        fn name(&self) -> &'static str {
            self.0
        }
        fn quote(&mut self, _: &jurat_proto::ReportData) -> Result<crate::Quote, QuoteFailure> {
            panic!("nobody asks")
        }
    }
    let lacking = |text: &'static str| move || Err(QuoteFailure::Unavailable(text.to_owned()));
    let found = first([
        ("a", Box::new(lacking("x")) as Open<'_>),
        ("b", Box::new(|| Ok(Box::new(Named("b")) as Box<dyn QuoteProvider>))),
        ("c", Box::new(|| panic!("c was troubled"))),
    ]);
    assert_eq!(found.unwrap().name(), "b");
    let busy = || Err(QuoteFailure::Busy("y".to_owned()));
    let none = first([("a", Box::new(lacking("x")) as Open<'_>), ("b", Box::new(busy))]);
    let text = "a: x; b: the quote provider is busy: y";
    assert_eq!(none.err(), Some(QuoteFailure::Unavailable(text.to_owned())));
}

/// The kernel's part: every new folder gets its files.
#[test]
fn a_machine_with_tdx_has_a_provider() {
    let root = std::env::temp_dir().join(format!("jurat-attest-tsm-{}", process::id()));
    fs::create_dir_all(&root).unwrap();
    let kernel = {
        let root = root.clone();
        thread::spawn(move || {
            while root.exists() {
                for folder in fs::read_dir(&root).into_iter().flatten().flatten() {
                    for (file, text) in [("provider", "tdx_guest\n"), ("inblob", "")] {
                        // The test may have ended.
                        let _ = fs::write(folder.path().join(file), text);
                    }
                }
                thread::sleep(Duration::from_millis(1));
            }
        })
    };
    let provider = quote_provider(&QuoteSource::Configfs(Some(root.clone()))).unwrap();
    let name = if cfg!(feature = "configfs") { "configfs-tsm" } else { "tdx-attest" };
    assert_eq!(provider.name(), name);
    while root.exists() {
        // Repeated, as the kernel may be writing into it.
        let _ = fs::remove_dir_all(&root);
    }
    kernel.join().unwrap();
}

#[test]
fn sources_go_by_their_names() {
    for text in [
        "auto",
        "configfs",
        "library",
        "dstack",
        "configfs:/mnt/tsm",
        "library:/opt/libtdx_attest.so.1",
        "dstack:/run/a:b.sock",
    ] {
        let source: QuoteSource = text.parse().unwrap();
        assert_eq!((source.to_string().as_str(), source.names_a_place()), (text, text.contains(':')));
    }
    for text in ["simulated", "", "auto:/x", "dstack:", "dstack:run/agent.sock", "Dstack", "library: /x"] {
        assert_eq!(text.parse::<QuoteSource>(), Err(UnknownQuoteSource), "{text}");
    }
}
