//! Every way to spoil a simulated report, and the check that refuses it.

use std::sync::LazyLock;

use super::*;

#[test]
fn no_other_policy_heeds_a_simulated_report() {
    for binding in Binding::ALL {
        let mut report = Attester::new(&blueprint()).report(binding, &NONCE);
        let collateral = report["collateral"].as_str().unwrap().to_owned();
        for name in ["production", "permissive", "0g"] {
            for tee in ["simulated", "tdx"] {
                report["tee"] = tee.into();
                for inputs in [inputs(), inputs().collateral(&collateral)] {
                    let verdict = verify_report(&report.to_string(), &policy(name), inputs);
                    assert_eq!(verdict.outcome(), Outcome::Refuted, "{verdict}");
                    let quote = verdict.check(CheckId::TdxQuote).unwrap();
                    assert_eq!(quote.status, Status::Fail);
                    assert!(quote.reason.contains("simulated"), "{}", quote.reason);
                    assert_eq!(verdict.check(CheckId::GpuChain).unwrap().status, Status::Fail);
                    assert!(verdict.trusted_signer().is_none());
                }
            }
        }
    }
}

#[test]
fn impostors_of_the_simulated_roots_are_refused() {
    let mut blueprint = blueprint();
    blueprint.roots = jurat_simulated::Roots::Fresh;
    let verdict = judge(&Attester::new(&blueprint).report(Binding::JuratV1, &NONCE));
    assert_refused(&verdict, &["tdx.quote", "gpu.chain"]);
}

#[test]
fn another_nonce_is_refused() {
    let inputs = Inputs::live(NOW).nonce(OTHER_NONCE);
    let verdict = verify_report(&minted().to_string(), &policy("simulated"), inputs);
    assert_refused(&verdict, &["bind.nonce", "gpu.nonce"]);
}

#[test]
fn a_flipped_bit_of_the_quote_is_refused() {
    let report = minted();
    let quote = hex::decode(report["quote"].as_str().unwrap()).unwrap();
    for at in [0, 4, 12, 48, 184, 376, 568, 631, 640, 700, 800, 1200] {
        let mut flipped = quote.clone();
        flipped[at] ^= 1;
        let mut report = report.clone();
        report["quote"] = hex::encode(&flipped).into();
        report["intel_quote"] = report["quote"].clone();
        let verdict = judge(&report);
        assert!(of(&verdict, Status::Fail).contains(&"tdx.quote"), "byte {at}\n{verdict}");
        assert!(verdict.trusted_signer().is_none());
    }
}

#[test]
fn two_quotes_are_refused() {
    let mut report = minted();
    report["quote"] = minted()["quote"].clone();
    assert_refused(&judge(&report), &["tdx.quote"]);
}

#[test]
fn another_keys_report_is_refused() {
    let stranger = Attester::with_key(&blueprint(), 0x22).report(Binding::JuratV1, &NONCE);
    let mut report = minted();
    report["signing_address"] = stranger["signing_address"].clone();
    assert_refused(&judge(&report), &["bind.address"]);
    report["signing_public_key"] = stranger["signing_public_key"].clone();
    assert_refused(&judge(&report), &["bind.address"]);
    report["claims"] = stranger["claims"].clone();
    assert_refused(&judge(&report), &["bind.address"]);
}

#[test]
fn swapped_gpu_evidence_is_refused() {
    let attester = Attester::new(&blueprint());
    let mut report = attester.report(Binding::JuratV1, &NONCE);
    // genuine, over the right nonce, of the very same GPUs: only not the evidence that the quote commits to
    let nonce = gpu_nonce(Binding::JuratV1, &attester.key, &NONCE);
    let mut gpus = attester.tee.gpu_provider();
    gpus.evidence(&nonce).unwrap();
    report["nvidia_payload"] = payload(&nonce, &gpus.evidence(&nonce).unwrap()).into();
    assert_refused(&judge(&report), &["bind.nonce", "bind.claims", "bind.gpu"]);
    assert_eq!(judge(&report).check(CheckId::GpuSignature).unwrap().status, Status::Pass);
    assert_eq!(judge(&report).check(CheckId::GpuNonce).unwrap().status, Status::Pass);
}

#[test]
fn altered_claims_are_refused() {
    let mut report = minted();
    report["claims"] = report["claims"].as_str().unwrap().replace("\"gpus\":2", "\"gpus\":1").into();
    assert_refused(&judge(&report), &["bind.nonce", "bind.claims", "bind.gpu"]);
}

#[test]
fn invented_switch_evidence_is_refused() {
    let mut report = minted();
    report["nvswitch_payload"] = "{}".into();
    assert_refused(&judge(&report), &["bind.nonce", "bind.claims", "bind.gpu", "gpu.mode"]);
}

/// Anyone may ask for a quote of `dstack-v1` over a nonce of his choosing, here a commitment of `jurat-v1`.
#[test]
fn a_forged_domain_separator_is_refused_by_name() {
    let attester = Attester::new(&blueprint());
    let mut report = attester.report(Binding::JuratV1, &NONCE);
    let commitment: ReportData = report["report_data"].as_str().unwrap().parse().unwrap();
    let chosen = Nonce::new(*commitment.as_bytes().last_chunk().unwrap());
    let data = report_data(&attester.key.address(), &chosen, Layout::DstackV1);
    assert_eq!(data.as_bytes()[32..], commitment.as_bytes()[32..]);
    report["quote"] = attester.quote(&data);
    report["intel_quote"] = report["quote"].clone();

    let verdict = judge(&report);
    assert_refused(&verdict, &["bind.address"]);
    assert!(verdict.check(CheckId::BindAddress).unwrap().reason.contains("domain separator"), "{verdict}");

    // where dstack-v1 is allowed too, the report's own word convicts it; without that word, its nonce does
    let both = Policy { bindings: vec![Binding::JuratV1, Binding::DstackV1], ..policy("simulated") };
    let verdict = verify_report(&report.to_string(), &both, inputs());
    assert_refused(&verdict, &["bind.address"]);
    assert!(verdict.check(CheckId::BindAddress).unwrap().reason.contains("domain separator"), "{verdict}");
    report.as_object_mut().unwrap().remove("binding");
    let verdict = verify_report(&report.to_string(), &both, inputs());
    assert_refused(&verdict, &["bind.nonce", "gpu.nonce"]);
}

#[test]
fn a_downgraded_or_unknown_binding_is_refused() {
    let attester = Attester::new(&blueprint());
    for binding in [Binding::DstackV1, Binding::DstackV2] {
        assert_refused(&judge(&attester.report(binding, &NONCE)), &["bind.address"]);
    }
    let mut report = minted();
    report["binding"] = "jurat-v9".into();
    assert_refused(&judge(&report), &["bind.address"]);
}

#[test]
fn unsuitable_claims_are_refused_though_the_quote_commits_to_them() {
    let mut attester = Attester::new(&blueprint());
    attester.claims.manifest_source = ManifestSource::Cached;
    let report = attester.report(Binding::JuratV1, &NONCE).to_string();
    assert_eq!(verify_report(&report, &policy("simulated"), inputs()).outcome(), Outcome::Trusted);
    let picky = Policy { manifest_sources: vec![ManifestSource::AtStart], ..policy("simulated") };
    assert_refused(&verify_report(&report, &picky, inputs()), &["bind.claims"]);

    let mut attester = Attester::new(&blueprint());
    attester.claims.version = 2;
    assert_refused(&judge(&attester.report(Binding::JuratV1, &NONCE)), &["bind.claims"]);

    let mut attester = Attester::new(&blueprint());
    attester.claims.signing_address = jurat_proto::Address::new([1; 20]);
    assert_refused(&judge(&attester.report(Binding::JuratV1, &NONCE)), &["bind.claims"]);

    let mut attester = Attester::new(&blueprint());
    attester.claims.gpus = 3;
    assert_refused(&judge(&attester.report(Binding::JuratV1, &NONCE)), &["gpu.present"]);
}

#[test]
fn missing_gpus_are_refused() {
    let mut report = minted();
    report["nvidia_payload"] = "".into();
    assert_refused(&judge(&report), &["bind.nonce", "bind.claims", "bind.gpu", "gpu.present"]);
}

#[test]
fn one_gpu_does_not_stand_for_two() {
    let attester = Attester::new(&blueprint());
    let nonce = gpu_nonce(Binding::DstackV1, &attester.key, &NONCE);
    let gpus = attester.tee.gpu_provider().evidence(&nonce).unwrap();
    let mut report = attester.report(Binding::DstackV1, &NONCE);
    report["nvidia_payload"] = payload(&nonce, &[gpus[0].clone(), gpus[0].clone()]).into();
    let policy = Policy { roots: Roots::Simulated, ..policy("0g") };
    assert_refused(&verify_report(&report.to_string(), &policy, inputs()), &["gpu.present"]);
}

#[test]
fn spoilt_hardware_is_refused_by_name() {
    let refused = |spoil: fn(&mut Blueprint), checks: &[&str]| {
        let mut blueprint = blueprint();
        spoil(&mut blueprint);
        assert_refused(&judge(&Attester::new(&blueprint).report(Binding::JuratV1, &NONCE)), checks);
    };
    refused(|b| *b = b.clone().debug(), &["tdx.debug"]);
    refused(|b| b.td_attributes |= 0x10, &["tdx.debug"]);
    refused(|b| b.td_attributes = 0, &["tdx.quote"]);
    refused(|b| b.td_attributes |= 1 << 29, &["tdx.quote"]);
    refused(|b| b.td_attributes |= 1 << 40, &["tdx.quote"]);
    refused(|b| b.measurements.mr_signer_seam = [1; 48], &["tdx.quote"]);
    refused(|b| b.tcb = Tcb::OutOfDate, &["tdx.tcb"]);
    refused(|b| b.tcb = Tcb::SwHardeningNeeded, &["tdx.tcb"]);
    refused(|b| b.tcb = Tcb::ConfigurationNeeded, &["tdx.tcb"]);
    refused(|b| b.tcb = Tcb::Revoked, &["tdx.quote"]);
    refused(|b| b.revoked = Revoked::Platform, &["tdx.quote"]);
    refused(|b| b.revoked = Revoked::PlatformCa, &["tdx.quote"]);
    refused(|b| b.revoked = Revoked::TcbSigner, &["tdx.quote"]);
    refused(|b| b.next_update = UnixSeconds(NOW.0 - 1), &["tdx.quote"]);
    refused(|b| b.gpu_nonce = GpuNonce::Other(OTHER_NONCE), &["gpu.nonce"]);
    refused(|b| b.gpu_chain = GpuChain::Strangers, &["gpu.present", "gpu.signature"]);
    refused(|b| b.gpu_firmware = GpuFirmware::Other, &["gpu.firmware"]);
    refused(|b| b.gpus_valid_until = Some(UnixSeconds(NOW.0 - 1)), &["gpu.chain"]);
}

#[test]
fn illegible_reports_are_refuted_and_every_check_is_listed() {
    let twice = minted().to_string().replacen('{', "{\"quote\":\"00\",", 1);
    for report in ["", "{", "[]", "null", "{\"nvidia_payload\":{}}", &twice] {
        let verdict = verify_report(report, &policy("production"), inputs());
        assert_refused(&verdict, &["tdx.quote"]);
        assert_eq!(verdict.checks().len(), CheckId::ALL.iter().filter(|id| !id.is_about_receipts()).count());
    }
    let verdict = judge(&minted());
    assert_eq!(verdict.checks().len(), CheckId::ALL.iter().filter(|id| !id.is_about_receipts()).count());
}

#[test]
fn no_time_is_beyond_judgement() {
    let report = minted().to_string();
    for now in [0, 1, NOW.0 - 400 * 86_400, NOW.0 + 400 * 86_400, u64::MAX] {
        let verdict =
            verify_report(&report, &policy("simulated"), Inputs::live(UnixSeconds(now)).nonce(NONCE));
        assert!(of(&verdict, Status::Fail).contains(&"tdx.quote"), "at {now}\n{verdict}");
    }
}

const COMPOSE: &str = "services: {}";

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// A flipped bit anywhere in a report leaves the verdict as it was, on the same signer, or refuses it:
    /// the JSON has members that nothing rests on. Where it stays trusted, everything that counts is the same. The policy
    /// pins all that a policy can, and the TD runs a measured application, so that every check takes part.
    #[test]
    fn any_flipped_bit_of_a_report_is_refused_or_without_effect(bit in any::<usize>()) {
        static MINTED: LazyLock<(Attester, Value, Policy)> = LazyLock::new(|| {
            let mut blueprint = blueprint();
            blueprint.compose = Some(COMPOSE.into());
            let mut attester = Attester::new(&blueprint);
            attester.claims.model.sha256 = Some(sha256(b"model").to_string());
            let report = attester.report(Binding::JuratV1, &NONCE);
            let verdict = judge(&report);
            let mut policy = policy("simulated");
            policy.signers.push(attester.key.address());
            policy.models.push(sha256(b"model"));
            policy.measurements.push(verdict.measured().unwrap().clone());
            let ppid = verdict.check(CheckId::TdxPlatform).unwrap().reason.rsplit(' ').next().unwrap().parse();
            policy.platforms.push(ppid.unwrap());
            assert_eq!(verify_report(&report.to_string(), &policy, inputs()).outcome(), Outcome::Trusted);
            (attester, report, policy)
        });
        let (attester, report, policy) = &*MINTED;
        let mut bytes = report.to_string().into_bytes();
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        let verdict = verify_report(&text, policy, inputs());
        if let Some(signer) = verdict.trusted_signer() {
            prop_assert_eq!(*signer.address(), attester.key.address());
            prop_assert_eq!(signer.claims(), Some(&attester.claims));
            let altered: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&altered["nvidia_payload"], &report["nvidia_payload"]);
            prop_assert_eq!(&altered["claims"], &report["claims"]);
            let compose = altered["info"]["tcb_info"]["app_compose"].as_str();
            let same_text = compose.is_none_or(|text| text == COMPOSE);
            prop_assert!(same_text);
            prop_assert_eq!(verdict.measured().unwrap().differences(&policy.measurements[0]).len(), 0);
        }
    }
}
