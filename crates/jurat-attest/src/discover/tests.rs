use std::{fs, process, thread, time::Duration};

use super::*;

#[test]
#[cfg(feature = "configfs")]
fn a_machine_without_tdx_is_told_what_is_missing() {
    let root = std::env::temp_dir().join(format!("jurat-attest-no-tsm-{}", process::id()));
    for choice in [QuoteSource::Auto, QuoteSource::Configfs] {
        let Err(QuoteFailure::Unavailable(text)) = quote_provider(choice, &root) else {
            panic!("{choice} found a provider in {}", root.display());
        };
        assert!(text.contains("mount configfs") && text.contains(&root.display().to_string()), "{text}");
    }
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
    for choice in [QuoteSource::Auto, QuoteSource::Configfs] {
        let provider = quote_provider(choice, &root).unwrap();
        let name = if cfg!(feature = "configfs") { "configfs-tsm" } else { "tdx-attest" };
        assert_eq!(provider.name(), name);
    }
    while root.exists() {
        // Repeated, as the kernel may be writing into it.
        let _ = fs::remove_dir_all(&root);
    }
    kernel.join().unwrap();
}

#[test]
fn hints_name_what_was_seen() {
    assert_eq!(hints(true, false), "");
    assert!(hints(false, false).contains("/dev/tdx_guest"));
    assert!(hints(true, true).contains("dstack") && !hints(true, true).contains("/dev/tdx_guest"));
}

#[test]
fn sources_go_by_their_names() {
    for source in [QuoteSource::Auto, QuoteSource::Configfs] {
        assert_eq!(source.to_string().parse(), Ok(source));
    }
    assert_eq!("simulated".parse::<QuoteSource>(), Err(UnknownQuoteSource));
}
