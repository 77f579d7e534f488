use super::*;

fn table() -> Table {
    let column = Column { title: "µs", format: Format::Fine, beside: Beside::Nginx };
    let mut table = Table::new("a table", vec![column]);
    for (nginx, jurat) in [(10.0, 11.0), (20.0, 30.0), (10.0, 12.0)] {
        table.rounds.push(vec![(Kind::Nginx, vec![nginx]), (Kind::Jurat, vec![jurat])]);
    }
    table
}

#[test]
fn ratios_are_taken_round_by_round() {
    let ratio = table().ratio(Kind::Jurat, Kind::Nginx, 0).unwrap();
    assert_eq!(ratio, Spread { median: 1.2, low: 1.1, high: 1.5 });
    assert_eq!(table().figure(Kind::Jurat, 0).unwrap().median, 12.0);
    assert_eq!(table().excess(Kind::Jurat, Kind::Nginx, 0).unwrap().median, 2.0);
    assert!(table().ratio(Kind::Jurat, Kind::Direct, 0).is_none());
}

#[test]
fn a_table_is_markdown() {
    let text = table().markdown();
    assert!(text.contains("| jurat | 12.00 | 1.20 | 1.10–1.50 |"), "{text}");
}

#[test]
fn percentiles_are_of_the_sorted_times() {
    let mut times: Vec<u64> = (0..=100).rev().map(|number| number * 1000).collect();
    assert_eq!(percentile_micros(&mut times, 0.5), 50.0);
    assert_eq!(percentile_micros(&mut times, 0.99), 99.0);
    assert!(percentile_micros(&mut [], 0.5).is_nan());
}
