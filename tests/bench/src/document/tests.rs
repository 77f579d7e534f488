use super::*;

#[test]
fn only_what_stands_between_the_marks_is_replaced() {
    let text = format!("before\n{BEGIN}old\n{END}after\n");
    let new = replaced(&text, "new\n").unwrap();
    assert_eq!(new, format!("before\n{BEGIN}\nnew\n\n{END}after\n"));
    assert_eq!(replaced(&new, "new").unwrap(), new);
    assert_eq!(replaced("no marks", "new"), None);
}
