use super::*;

fn bounds() -> Bounds {
    Bounds { bytes: 1 << 20, age: Duration::from_secs(60) }
}

#[test]
fn an_address_is_printed_as_it_is_read() {
    for text in [
        "redis://127.0.0.1:6379",
        "redis://store.internal:7000/3",
        "rediss://[::1]:6380",
        "redis+unix:///run/redis/redis.sock",
        "redis+unix:///run/a@b.sock?db=2",
    ] {
        assert_eq!(text.parse::<ServerUrl>().unwrap().to_string(), text);
    }
    assert_eq!("redis://store".parse::<ServerUrl>().unwrap().to_string(), "redis://store:6379");
}

#[test]
fn a_bad_address_is_refused_and_one_with_a_secret_by_name() {
    for text in [
        "",
        "store:6379",
        "http://store",
        "redis://",
        "redis://:6379",
        "redis://store:x",
        "redis://store:99999",
        "redis://store/x",
        "redis://[::1",
        "redis://[::1]x",
        "redis+unix://run",
        "redis+unix:///s?x=1",
        "redis://a b",
    ] {
        assert_eq!(text.parse::<ServerUrl>(), Err(SettingsError::Url), "{text}");
    }
    for text in ["redis://:secret@store", "rediss://user:secret@store:1/0"] {
        let error = text.parse::<ServerUrl>().unwrap_err();
        assert_eq!(error, SettingsError::Secret);
        assert!(!error.to_string().contains("secret@"));
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let plain = SharedSettings::new("redis://store".parse().unwrap(), bounds());
    let tls = SharedSettings::new("rediss://store".parse().unwrap(), bounds());
    let ca_file = Some(PathBuf::from("/ca.pem"));
    assert_eq!(plain.check(), Ok(()));
    assert_eq!(tls.check(), Err(SettingsError::NoRoots));
    assert_eq!(SharedSettings { ca_file: ca_file.clone(), ..tls }.check(), Ok(()));
    let with = |change: fn(&mut SharedSettings)| {
        let mut settings = plain.clone();
        change(&mut settings);
        settings.check()
    };
    assert_eq!(with(|s| s.ca_file = Some("/ca.pem".into())), Err(SettingsError::NoTls));
    assert_eq!(with(|s| s.username = Some("u".into())), Err(SettingsError::NoPassword));
    assert_eq!(with(|s| s.prefix = "a b".into()), Err(SettingsError::Prefix));
    assert_eq!(with(|s| s.prefix = String::new()), Err(SettingsError::Prefix));
    assert_eq!(with(|s| s.timeout = Duration::ZERO), Err(SettingsError::Timeout));
}
