//! Properties of the merge, over every state that two sides and an agreement can be in.

use proptest::prelude::*;

use super::*;

/// Few values, so that equal ones are common; some are written in two ways.
fn value(field: Field) -> BoxedStrategy<Option<String>> {
    let some = |words: &'static [&'static str]| prop::sample::select(words).prop_map(|w| Some(w.to_owned())).boxed();
    match field {
        Field::Summary => some(&["a", "b", "a "]),
        Field::Status => some(&[OPEN, OVER]),
        Field::Priority => prop_oneof![Just(None), some(&["5", "05", "9"])].boxed(),
        Field::Board => some(&["Desk", "desk", "Alerts"]),
    }
}

fn values() -> impl Strategy<Value = Values> {
    let [a, b, c, d] = FIELDS.map(value);
    (a, b, c, d).prop_map(|(a, b, c, d)| Values([a, b, c, d]))
}

fn agreed() -> impl Strategy<Value = Agreed> {
    (values(), values()).prop_map(|(ours, theirs)| Agreed { ours, theirs })
}

fn authorities() -> impl Strategy<Value = Authorities> {
    let one = || prop::sample::select(vec![Authority::Newest, Authority::Ours, Authority::Theirs]);
    let all = (one(), one(), one(), one());
    all.prop_map(|(summary, status, priority, board)| Authorities { summary, status, priority, board })
}

fn merge_at(base: &Agreed, ours: &Values, theirs: &Values, rule: &Authorities, when: (i64, i64)) -> Merge {
    let changed = FIELDS.map(|field| (field, UnixMs(when.0))).into();
    let theirs = Theirs { values: theirs, changed: UnixMs(when.1) };
    merge(base, Ours { values: ours, changed: &changed }, theirs, rule, UnixMs(99))
}

/// What the other system holds after it took a push; it may write a value its own way.
fn after_push(theirs: &Values, merged: &Merge, cut: bool) -> Values {
    let mut theirs = theirs.clone();
    for field in &merged.push {
        let written = merged.ours.get(*field).map(|v| if cut { v.trim().to_owned() } else { v.to_owned() });
        theirs.0[*field as usize] = written;
    }
    theirs
}

proptest! {
    #[test]
    fn after_one_exchange_both_sides_agree_and_nobody_moves_again(
        base in agreed(), ours in values(), theirs in values(), rule in authorities(), when in (0..3_i64, 0..3_i64), cut: bool,
    ) {
        let merged = merge_at(&base, &ours, &theirs, &rule, when);
        let there = after_push(&theirs, &merged, cut);
        let mut now = merged.agreed.clone();
        pushed(&mut now, &merged.push, &merged.ours, &there);
        // Our own write comes back as a change, later than ours; and once more.
        for _ in 0..2 {
            let again = merge_at(&now, &merged.ours, &there, &rule, (when.0, when.1 + 9));
            prop_assert_eq!((&again.push, &again.taken, &again.decided), (&vec![], &vec![], &vec![]));
            prop_assert_eq!(&again.ours, &merged.ours);
            now = again.agreed;
        }
    }

    #[test]
    fn a_merge_that_is_repeated_before_its_push_decides_nothing_twice(
        base in agreed(), ours in values(), theirs in values(), rule in authorities(), when in (0..3_i64, 0..3_i64),
    ) {
        let merged = merge_at(&base, &ours, &theirs, &rule, when);
        let again = merge_at(&merged.agreed, &merged.ours, &theirs, &rule, when);
        prop_assert_eq!((&again.push, &again.ours, &again.agreed), (&merged.push, &merged.ours, &merged.agreed));
        prop_assert!(again.taken.is_empty() && again.decided.is_empty());
    }

    #[test]
    fn a_field_that_one_side_changed_reaches_the_other_whatever_the_authority(
        base in values(), theirs in values(), rule in authorities(),
    ) {
        let agreed = Agreed { ours: base.clone(), theirs: base.clone() };
        let merged = merge_at(&agreed, &base, &theirs, &rule, (9, 0));
        prop_assert!(merged.push.is_empty() && merged.decided.is_empty());
        for field in FIELDS {
            prop_assert!(same(field, merged.ours.get(field), theirs.get(field)));
        }
    }

    #[test]
    fn the_authority_decides_where_both_changed(
        base in agreed(), ours in values(), theirs in values(), rule in authorities(), when in (0..3_i64, 0..3_i64),
    ) {
        for decision in merge_at(&base, &ours, &theirs, &rule, when).decided {
            let expected = match rule.of(decision.field) {
                Authority::Ours => true,
                Authority::Theirs => false,
                Authority::Newest => when.0 > when.1,
            };
            prop_assert_eq!(decision.ours_won, expected);
        }
    }
}

#[test]
fn authorities_are_named_or_refused_by_name() {
    let mut rule = Authorities::standard();
    rule.set("status", "theirs").unwrap();
    assert_eq!((rule.of(Field::Status), rule.of(Field::Board)), (Authority::Theirs, Authority::Newest));
    let words = |field: &str, value: &str| Authorities::standard().set(field, value).unwrap_err().to_string();
    assert!(words("time", "ours").contains("authority.time: not supported"));
    assert!(words("colour", "ours").contains("no such field"));
    assert!(words("board", "both").contains("\"both\" is not supported"));
}

#[test]
fn a_patch_names_what_is_pushed_and_no_more() {
    let ours = Values::ours("full", TicketState::Closed, Some("50"), "Alerts");
    let made = patch(&[Field::Status, Field::Priority], &ours, "resolved", "open");
    let expected =
        TicketPatch { status: Some("resolved".to_owned()), priority: Some("50".to_owned()), ..TicketPatch::default() };
    assert_eq!(made, expected);
    let open = Values::ours("full", TicketState::Open, None, "Alerts");
    assert_eq!(patch(&[Field::Status], &open, "resolved", "open").status.as_deref(), Some("open"));
}
