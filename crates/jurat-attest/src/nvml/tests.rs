use super::*;

const GOOD: Mode =
    Mode { confidential: true, production: Production::Yes, protected_pcie: false, developer_tools: false };

#[test]
fn a_machine_without_the_library_is_told_so() {
    let mut absent = Nvml::new("/nonexistent/libnvidia-ml.so.1");
    for failure in [absent.count().unwrap_err(), absent.evidence(&Nonce::new([1; 32])).unwrap_err()] {
        let GpuFailure::Unavailable(text) = failure else { panic!("{failure:?}") };
        assert!(text.contains("/nonexistent/libnvidia-ml.so.1") && text.contains("NVIDIA driver"), "{text}");
    }
}

#[test]
fn another_library_is_no_driver() {
    let failure = Nvml::new("libc.so.6").count().unwrap_err();
    assert!(matches!(failure, GpuFailure::Unavailable(_)), "{failure:?}");
}

#[test]
fn only_confidential_machines_pass() {
    for good in [
        GOOD,
        // Eight-GPU Hopper machines: the feature itself may read as off.
        Mode { confidential: false, production: Production::Unknown, protected_pcie: true, ..GOOD },
        Mode { protected_pcie: true, ..GOOD },
    ] {
        assert_eq!(mode::confidential(&good), Ok(()), "{good:?}");
    }
    for (bad, word) in [
        (Mode { developer_tools: true, ..GOOD }, "developer tools"),
        (Mode { developer_tools: true, protected_pcie: true, ..GOOD }, "developer tools"),
        (Mode { production: Production::No, ..GOOD }, "simulated"),
        (Mode { production: Production::Unknown, ..GOOD }, "ready"),
        (Mode { confidential: false, ..GOOD }, "off"),
    ] {
        let refusal = mode::confidential(&bad).unwrap_err();
        assert!(refusal.contains(word), "{bad:?}: {refusal}");
    }
}

#[test]
fn a_chain_loses_what_is_behind_it_and_nothing_else() {
    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    for behind in ["", "\n", "\0\0\0\0\0", "\n\0\0 \r\n\0"] {
        let chain = shape::chain(format!("{PEM}{behind}").as_bytes()).unwrap();
        assert_eq!(chain, format!("{PEM}\n").as_bytes(), "{behind:?}");
    }
    for bad in ["", "\0\0\0", "AAAA", &PEM.replace("AAAA", "A\0AA"), &PEM[1..], &PEM[..PEM.len() - 1]] {
        assert!(shape::chain(bad.as_bytes()).is_err(), "{bad:?}");
    }
    let long = format!("{PEM}{}", "\0".repeat(0x1400));
    assert!(shape::chain(long.as_bytes()).is_err());
}

#[test]
fn a_report_is_an_answer_to_our_nonce() {
    let nonce = Nonce::new([7; 32]);
    let good = |length: usize| {
        let mut bytes = vec![0; length];
        bytes[..4].copy_from_slice(&[0x11, 0xe0, 0x01, 0xff]);
        bytes[4..36].fill(7);
        bytes
    };
    for length in [175, 4118, 8192] {
        assert_eq!(shape::report(good(length), &nonce), Ok(good(length)));
    }
    for length in [174, 8193] {
        assert!(shape::report(good(length), &nonce).is_err(), "{length}");
    }
    assert!(shape::report(Vec::new(), &nonce).is_err());
    for at in 0..36 {
        let mut bytes = good(4118);
        bytes[at] ^= 1;
        assert!(shape::report(bytes, &nonce).is_err(), "byte {at}");
    }
}

#[test]
fn only_generations_with_evidence_have_a_name() {
    assert_eq!(name(DeviceArchitecture::Hopper), Some(GpuArchitecture::Hopper));
    assert_eq!(name(DeviceArchitecture::Blackwell), Some(GpuArchitecture::Blackwell));
    assert_eq!(name(DeviceArchitecture::Ada), None);
    assert_eq!(name(DeviceArchitecture::Unknown), None);
}

#[test]
fn a_driver_without_the_feature_is_not_confidential() {
    assert!(matches!(unread(NvmlError::NotSupported), GpuFailure::NotConfidential(_)));
    assert!(matches!(unread(NvmlError::GpuLost), GpuFailure::Failed(_)));
}
