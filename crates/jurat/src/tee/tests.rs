use jurat_attest::NotConfidential;

use super::*;

fn of_gpu(failure: GpuFailure) -> StartError {
    StartError::Report(ReportFailure::Gpu(failure))
}

#[test]
fn each_gate_has_a_hint_of_its_own() {
    let open = hint(&StartError::Report(ReportFailure::Quote(QuoteFailure::DebugTd)));
    assert!(open.contains("DEBUG"), "{open}");
    let mut hints = vec![open];
    for why in [
        NotConfidential::DeveloperTools,
        NotConfidential::Off,
        NotConfidential::NotReady,
        NotConfidential::SimulatedEnvironment,
        NotConfidential::Unsupported(String::new()),
    ] {
        hints.push(hint(&of_gpu(GpuFailure::NotConfidential(why))));
    }
    hints.push(hint(&of_gpu(GpuFailure::Wrong(String::new()))));
    let count = hints.len();
    hints.sort_unstable();
    hints.dedup();
    assert_eq!(hints.len(), count, "{hints:?}");
}
