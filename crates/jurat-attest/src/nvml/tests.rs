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
    for (bad, refusal) in [
        (Mode { developer_tools: true, ..GOOD }, NotConfidential::DeveloperTools),
        (Mode { developer_tools: true, protected_pcie: true, ..GOOD }, NotConfidential::DeveloperTools),
        (Mode { production: Production::No, ..GOOD }, NotConfidential::SimulatedEnvironment),
        (Mode { production: Production::Unknown, ..GOOD }, NotConfidential::NotReady),
        (Mode { confidential: false, ..GOOD }, NotConfidential::Off),
    ] {
        assert_eq!(mode::confidential(&bad), Err(refusal), "{bad:?}");
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
