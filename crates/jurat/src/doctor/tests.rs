use super::*;

#[test]
fn a_line_is_one_line() {
    let line = Line::fail("tdx.guest", "no\nTDX\u{1b}[2J").advise("start\r\nanother");
    assert_eq!(line.to_string(), "fail tdx.guest        no TDX [2J; do: start  another");
    let json = serde_json::to_value(Line::pass("clock", "well")).unwrap();
    assert_eq!(json, serde_json::json!({ "id": "clock", "status": "pass", "finding": "well" }));
}

#[test]
fn only_a_failure_is_one() {
    let code = |lines: Vec<Line>| Findings { lines, shown: Shown::AtTheEnd }.end();
    assert_eq!(code(vec![Line::pass("clock", ""), Line::skip("tdx.rtmr", "")]), Code::Done);
    assert_eq!(code(vec![Line::pass("clock", ""), Line::fail("tdx.quote", "")]), Code::Unavailable);
}
