use super::*;

fn settle(options: &ServeOptions, text: &str) -> Result<Config, Failure> {
    Config::settle(options, toml::from_str(text).unwrap())
}

fn refusal(options: &ServeOptions, text: &str) -> String {
    format!("{:?}", settle(options, text).map(|_| ()).unwrap_err())
}

#[test]
fn a_flag_beats_the_file_and_the_file_the_default() {
    let options = ServeOptions { listen: Some("127.0.0.1:1".into()), ..ServeOptions::default() };
    let config = settle(&options, "listen = '127.0.0.1:2'\nconcurrency = 7").unwrap();
    assert_eq!((config.listen.port(), config.concurrency, config.admin_listen.port()), (1, 7, 9464));
    assert_eq!(config.policy, "permissive");
}

#[test]
fn bad_values_name_themselves() {
    let none = ServeOptions::default();
    for (text, name) in [
        ("listen = 'nowhere'", "listen `nowhere`"),
        ("concurrency = 0", "concurrency"),
        ("idle_timeout = -1.0", "idle_timeout `-1`"),
        ("engine = 'http://api.example.com:80'", "engine `http://api.example.com:80`"),
        ("engine = 'http://8.8.8.8:80'", "8.8.8.8"),
        ("nvswitch_command = []", "nvswitch_command: the command is empty"),
        ("nvswitch_command = ['nvattest']", "nvswitch_command: the command has no {nonce}"),
        ("request_id = 'drop'", "request_id `drop` is none of pass, refuse"),
        ("cache_salt = 'refuse'", "cache_salt `refuse` is none of pass, owner"),
        ("forwarded_header = 'via'", "forwarded_header `via` is none of x-forwarded-for, forwarded"),
        ("tdx_source = 'magic'", "tdx_source `magic`"),
        ("tls_key = 'k'", "mean nothing without tls"),
        ("tls = 'files'\ntls_key = 'k'", "needs both tls_certificate and tls_key"),
        ("tls = 'self-signed'\ntls_key = 'k'", "tls_key: under"),
        ("tls = 'self-signed'\ntls_names = ['a b']", "tls_names: `a b` is no name of a host"),
    ] {
        assert!(refusal(&none, text).contains(name), "{text}: {}", refusal(&none, text));
    }
    assert!(toml::from_str::<File>("lisen = '1'").is_err(), "unknown members are refused");
}

#[test]
fn times_of_the_file_have_an_end() {
    let names = [
        "self_check_every",
        "first_byte_timeout",
        "idle_timeout",
        "drain_grace",
        "head_timeout",
        "store_age",
        "memory_store_age",
        "store_timeout",
    ];
    for name in names {
        let of = |value: &str| format!("store_url = 'redis://127.0.0.1:1'\n{name} = {value}");
        for value in ["0.0", "-1.0", "4294967296.0", "9223372036854775807", "1e300", "inf", "nan"] {
            let refused = refusal(&ServeOptions::default(), &of(value));
            assert!(refused.contains("code: Config") && refused.contains(name), "{name} {value}: {refused}");
            assert!(refused.contains("is not between 0 and 4294967296 seconds"), "{name} {value}: {refused}");
        }
        // A store that is waited for must answer within a minute.
        let longest = if name == "store_timeout" { "60.0" } else { "4294967295.0" };
        assert!(settle(&ServeOptions::default(), &of(longest)).is_ok(), "{name}");
    }
}

#[test]
fn an_engine_outside_the_machine_is_named_by_the_file_alone() {
    let address = "http://10.0.0.7:8001";
    let options = ServeOptions { engine: Some(address.into()), ..ServeOptions::default() };
    assert!(refusal(&options, "").contains("lies outside this machine"));
    assert!(settle(&ServeOptions::default(), &format!("engine = '{address}'")).is_ok());
}

#[test]
fn the_digest_follows_values_and_not_their_origin() {
    let by_file = settle(&ServeOptions::default(), "concurrency = 10000").unwrap();
    let by_default = settle(&ServeOptions::default(), "").unwrap();
    assert_eq!(by_file.digest(), by_default.digest());
    for other in [
        "gpus = 'none'",
        "cache_salt = 'owner'",
        "remote_media = 'refuse'",
        "nvml_library = '/opt/libnvidia-ml.so.1'",
        "nvswitch_command = ['a', '{nonce}']",
        "tls = 'self-signed'",
    ] {
        let digest = settle(&ServeOptions::default(), other).unwrap().digest();
        assert_ne!(digest, by_default.digest(), "{other}");
    }
    assert!(toml::from_str::<File>("gpus = 'perhaps'").is_err());
}

#[test]
fn a_full_self_check_asks_the_vendors_and_an_offline_one_nobody() {
    use jurat_verify::Roots;
    let none = ServeOptions::default();
    let pcs = |text: &str, roots| {
        let sources = settle(&none, text).unwrap().vendors.sources(roots);
        sources.map(|sources| sources.pcs.map(|url| url.to_string()))
    };
    let intels = Some(Some("https://api.trustedservices.intel.com".to_owned()));
    assert_eq!(pcs("", Roots::Production), None);
    assert_eq!(pcs("self_check = 'full'", Roots::Production), intels);
    assert_eq!(pcs("collateral = 'fetch'", Roots::Production), intels);
    assert_eq!(pcs("self_check = 'full'\ncollateral = 'none'", Roots::Production), None);
    assert_eq!(
        pcs("self_check = 'full'", Roots::Simulated),
        Some(None),
        "vendors know nothing of the simulated"
    );
    let pccs = "collateral = 'fetch'\npcs_url = 'http://10.0.0.9:8081'";
    assert_eq!(pcs(pccs, Roots::Simulated), Some(Some("http://10.0.0.9:8081".to_owned())));
    assert!(refusal(&none, "pcs_url = 'http://10.0.0.9:8081'").contains("`collateral` is \\\"none\\\""));
    assert!(refusal(&none, "collateral = 'fetch'\nocsp_url = 'ftp://x'").contains("ocsp_url: scheme ftp"));
}
