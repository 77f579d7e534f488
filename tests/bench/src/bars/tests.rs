use super::*;
use crate::scenario::Scenario;

fn results(jurat: f64) -> Results {
    let mut table = Scenario::Plain.table();
    table.rounds.push(vec![(Kind::Nginx, vec![20.0]), (Kind::Jurat, vec![jurat])]);
    Results { tables: [("plain", table)].into(), two_signatures_micros: 66.0, stripped_megabytes: 9.0 }
}

#[test]
fn a_bar_is_held_missed_or_not_measured() {
    let row = |results: &Results, figure: &str| {
        let text = results.bars();
        text.lines().find(|line| line.contains(figure)).unwrap().to_owned()
    };
    assert!(row(&results(101.0), "plain request").ends_with("| 101 | held |"));
    assert!(row(&results(103.0), "plain request").ends_with("| 103 | **missed** |"));
    assert!(row(&results(101.0), "stripped").ends_with("| 9.00 | held |"));
    assert!(row(&results(101.0), "paced streams, × nginx").ends_with("not measured |"));
}
