//! What dstack's agent says beside a quote, and the key that outlives the process.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use jurat_attest::{DstackAgent, QuoteProvider};
use jurat_proto::{Digest, ReportData, UnixSeconds, keccak256};
use jurat_standin_tdx::{Agent, AgentFault, Made, Scratch, Stage};
use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use serde_json::Value;
use sha2::{Digest as _, Sha384};

fn stage() -> Stage {
    Stage::new(3, UnixSeconds(1_790_000_000))
}

fn agent() -> Agent {
    Agent::start(&stage(), Made::Minted, AgentFault::None).unwrap()
}

/// The four registers as the log leaves them; digests of the fourth are made anew.
fn replayed(log: &str) -> [[u8; 48]; 4] {
    let events: Vec<Value> = serde_json::from_str(log).unwrap();
    let mut registers = [[0; 48]; 4];
    for event in events {
        let bytes = |name: &str| hex::decode(event[name].as_str().unwrap()).unwrap();
        let mut digest = bytes("digest");
        if event["imr"] == 3 {
            let kind = u32::try_from(event["event_type"].as_u64().unwrap()).unwrap();
            let name = event["event"].as_str().unwrap();
            let made =
                [&kind.to_le_bytes(), &b":"[..], name.as_bytes(), b":", &bytes("event_payload")].concat();
            assert_eq!(digest, Sha384::digest(&made)[..]);
            digest = Sha384::digest(&made).to_vec();
        }
        let register = &mut registers[usize::try_from(event["imr"].as_u64().unwrap()).unwrap()];
        *register = Sha384::digest([&register[..], &digest].concat()).into();
    }
    registers
}

#[test]
fn the_log_replays_to_the_registers_and_info_says_the_same() {
    let agent = agent();
    let quote = DstackAgent::new(agent.socket()).quote(&ReportData::new([1; 64])).unwrap();
    let registers = replayed(quote.event_log.as_deref().unwrap());
    let info: Value = serde_json::from_str(quote.info.unwrap().get()).unwrap();
    let tcb_info: Value = serde_json::from_str(info["tcb_info"].as_str().unwrap()).unwrap();
    for (at, register) in registers.iter().enumerate() {
        assert_eq!(&quote.bytes[376 + 48 * at..424 + 48 * at], register, "RTMR{at}");
        assert_eq!(tcb_info[format!("rtmr{at}")], hex::encode(register));
    }
    let vm_config: Value = serde_json::from_str(&quote.vm_config.unwrap()).unwrap();
    assert_eq!(vm_config["num_gpus"], 1);
}

#[test]
fn a_second_quote_costs_the_agent_no_second_info() {
    let agent = agent();
    let mut provider = DstackAgent::new(agent.socket());
    for _ in 0..3 {
        provider.quote(&ReportData::new([1; 64])).unwrap();
    }
    assert_eq!(agent.calls(), ["/GetQuote", "/Info", "/GetQuote", "/GetQuote"]);
}

fn signer(digest: &Digest, signature: &str) -> Vec<u8> {
    let bytes = hex::decode(signature).unwrap();
    assert_eq!(bytes.len(), 65);
    let recovery = RecoveryId::from_byte(bytes[64]).unwrap();
    let signature = Signature::from_slice(&bytes[..64]).unwrap();
    let key = VerifyingKey::recover_from_prehash(digest.as_bytes(), &signature, recovery).unwrap();
    key.to_sec1_point(true).as_bytes().to_vec()
}

/// A verifier's walk: from the signing key over the application's key to the key service, whom a policy pins.
#[test]
fn a_derived_key_is_stable_and_its_chain_leads_to_the_key_service() {
    let agent = agent();
    let derived = DstackAgent::new(agent.socket()).derive_key().unwrap();
    let provenance = derived.provenance();
    let key = SigningKey::from_slice(derived.secret()).unwrap();
    let public = key.verifying_key().to_sec1_point(true).as_bytes().to_vec();
    let vouched = format!("{}:{}", provenance.purpose, hex::encode(public));
    let [first, second] = &provenance.signature_chain[..] else { panic!("{provenance:?}") };
    let app = signer(&keccak256(vouched.as_bytes()), first);
    let issued = [b"dstack-kms-issued:", agent.keys().app_id(), &app].concat();
    assert_eq!(signer(&keccak256(&issued), second), agent.keys().root());
    // For another purpose the first signature is somebody else's.
    let other = format!("other:{}", vouched.split_once(':').unwrap().1);
    assert_ne!(signer(&keccak256(other.as_bytes()), first), app);

    // Another agent, another process, the generation before: the same application has the same key.
    let scratch = Scratch::new();
    let socket = scratch.path().join("tappd.sock");
    let _tappd = Agent::listen(&socket, &stage(), Made::Minted, AgentFault::None).unwrap();
    let again = DstackAgent::new(&socket).derive_key().unwrap();
    assert_eq!((again.secret(), again.provenance()), (derived.secret(), provenance));
}

#[test]
fn without_the_agent_there_is_no_key() {
    let agent = agent();
    for fault in
        [AgentFault::Refuses, AgentFault::RefusesWell, AgentFault::Busy, AgentFault::NoJson, AgentFault::Cut]
    {
        agent.behave(Made::Minted, fault);
        assert!(DstackAgent::new(agent.socket()).derive_key().is_err(), "{fault:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_stage_in_every_process() {
    let data = ReportData::new([5; 64]);
    assert_eq!(stage().quote(&data).bytes, stage().quote(&data).bytes);
    assert_eq!(stage().collateral(), stage().collateral());
    let other = Stage::new(4, UnixSeconds(1_790_000_000));
    assert_ne!(stage().quote(&data).bytes, other.quote(&data).bytes);
}
