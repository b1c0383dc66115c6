//! Any order within the grace gives the same figures; beyond it, none changes. The largest are told.

use proptest::prelude::*;
use schemas::LifecycleFact;

use super::driver::{DAWN, HOUR, Kpis, course, fact};
use crate::kpi::KpiSettings;

#[test]
fn what_comes_after_the_grace_is_counted_and_changes_nothing() {
    let mut kpis = Kpis::new(KpiSettings::default());
    kpis.take_all(&course("order:1", &[(0, "acknowledged"), (10, "inProgress"), (20, "completed")]));
    // The minute of the completion ends at 21, so it closes at 81.
    kpis.take(&fact("order:2", DAWN + 80 * 60_000, 1, "acknowledged"));
    let mut amended = course("order:1", &[(0, "acknowledged"), (10, "inProgress"), (20, "completed"), (5, "held")]);
    kpis.take(&amended.pop().unwrap());
    kpis.publish();
    assert_eq!(kpis.all("order_fallout", "5m"), (1, 1, 0, 0), "within the grace");

    kpis.take(&fact("order:2", DAWN + 81 * 60_000, 2, "inProgress"));
    let late = course("order:3", &[(0, "acknowledged"), (20, "completed")]);
    for _ in 0..2 {
        kpis.take_all(&late);
    }
    kpis.publish();
    assert_eq!(kpis.all("order_fallout", "5m"), (1, 1, 0, 1), "told once, however often it comes");
    assert_eq!(kpis.all("order_cycle", "total"), (0, 1, 0, 1));
}

#[test]
fn the_largest_are_told_by_name_and_the_rest_together() {
    let mut kpis = Kpis::new(KpiSettings { top_k: 2, ..KpiSettings::default() });
    let mut order = 0;
    let mut complete = |kpis: &mut Kpis, circle: &str, times: usize| {
        for _ in 0..times {
            order += 1;
            let mut facts = course(&format!("order:{order}"), &[(0, "acknowledged"), (20, "completed")]);
            for fact in &mut facts {
                fact.circle = Some(circle.into());
            }
            kpis.take_all(&facts);
        }
        kpis.publish();
        kpis.values("order_cycle", "1d", "circle")
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect::<Vec<_>>()
    };
    complete(&mut kpis, "Delhi", 3);
    complete(&mut kpis, "Kerala", 2);
    assert_eq!(complete(&mut kpis, "Assam", 1), ["Delhi 3", "Kerala 2", "other 1"]);
    // Assam grows past Kerala, which makes room.
    assert_eq!(complete(&mut kpis, "Assam", 2), ["Assam 3", "Delhi 3", "other 2"]);
    assert_eq!(kpis.all("order_cycle", "1d").1, 8);
}

#[test]
fn values_beyond_the_bound_are_the_rest_for_good() {
    let settings = KpiSettings { values_max: 3, top_k: 10, ..KpiSettings::default() };
    let mut kpis = Kpis::new(settings);
    for order in 0..6 {
        let mut facts = course(&format!("order:{order}"), &[(0, "acknowledged"), (20, "completed")]);
        for fact in &mut facts {
            fact.circle = Some(format!("circle-{order}"));
        }
        kpis.take_all(&facts);
    }
    kpis.publish();
    assert_eq!(kpis.values("order_cycle", "1d", "circle").last().unwrap(), &("other".to_owned(), 3));
    // Taken out where it was put in: the fact that order 5 was never completed comes late.
    let mut amended = course("order:5", &[(0, "acknowledged"), (20, "completed"), (19, "cancelled")]);
    for fact in &mut amended {
        fact.circle = Some("circle-5".into());
    }
    kpis.take(&amended[2]);
    kpis.publish();
    assert_eq!(kpis.values("order_cycle", "1d", "circle").last().unwrap(), &("other".to_owned(), 2));
}

#[test]
fn windows_are_forgotten_when_their_time_has_passed_and_totals_never() {
    let mut kpis = Kpis::new(KpiSettings::default());
    kpis.take_all(&course("order:1", &[(0, "acknowledged"), (20, "completed")]));
    kpis.publish();
    kpis.take_all(&course("order:2", &[(0, "acknowledged"), (10 * 60, "completed")]));
    kpis.publish();
    assert_eq!(kpis.all("order_fallout", "5m").1, 1, "the first is seven hours old");
    assert_eq!(kpis.all("order_fallout", "1h").1, 2);
    assert_eq!(kpis.all("order_fallout", "total").1, 2);
}

/// Some entities' courses, as facts by entity.
fn histories() -> impl Strategy<Value = Vec<Vec<LifecycleFact>>> {
    let order = prop::collection::vec(
        (0..50_i64, prop::sample::select(vec!["inProgress", "pending", "held", "completed", "failed", "cancelled"])),
        1..6,
    );
    let ticket = prop::collection::vec(
        (0..50_i64, prop::sample::select(vec!["inProgress", "pending", "held", "resolved", "closed", "cancelled"])),
        1..6,
    );
    let course_of = |kind: &'static str| {
        move |mut steps: Vec<(i64, &'static str)>| {
            steps.sort_by_key(|step| step.0);
            steps.insert(0, (0, "acknowledged"));
            (kind, steps)
        }
    };
    let entity = prop_oneof![order.prop_map(course_of("order")), ticket.prop_map(course_of("ticket"))];
    prop::collection::vec(entity, 1..8).prop_map(|entities| {
        let entities = entities.into_iter().enumerate();
        entities.map(|(number, (kind, steps))| course(&format!("{kind}:{number}"), &steps)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The whole history within an hour: whatever comes first, twice, or after a restart, the figures are those of the
    /// history told in order.
    #[test]
    fn any_order_within_the_grace_gives_the_same_figures(
        histories in histories(),
        shuffle in prop::collection::vec(any::<prop::sample::Index>(), 64),
        publish_at in any::<prop::sample::Index>(),
    ) {
        let straight: Vec<&LifecycleFact> = histories.iter().flatten().collect();
        let mut reference = Kpis::new(KpiSettings::default());
        reference.take_all(straight.iter().copied());
        reference.publish();

        let mut mixed = straight.clone();
        for (place, other) in shuffle.iter().enumerate() {
            let length = mixed.len();
            mixed.swap(place % length, other.index(length));
        }
        // Every third comes again.
        let again: Vec<_> = mixed.iter().step_by(3).copied().collect();
        mixed.extend(again);
        let mut kpis = Kpis::new(KpiSettings::default());
        let half = publish_at.index(mixed.len());
        kpis.take_all(mixed[..half].iter().copied());
        kpis.publish();
        kpis.driver.restart();
        kpis.take_all(mixed[half..].iter().copied());
        kpis.publish();
        // Totals hold what was published once; all else is what it is.
        reference.rows.retain(|_, row| row.window != "total");
        kpis.rows.retain(|_, row| row.window != "total");
        let differ: Vec<_> = kpis.rows.iter().filter(|row| reference.rows.get(row.0) != Some(row.1)).collect();
        prop_assert!(differ.is_empty(), "{differ:?}");
        prop_assert_eq!(kpis.rows.len(), reference.rows.len());
    }
}

#[test]
fn a_source_whose_clock_is_ahead_closes_nobodys_panes() {
    let mut kpis = Kpis::new(KpiSettings::default());
    let mut ahead = fact("order:9", DAWN + 900 * HOUR, 1, "acknowledged");
    ahead.ingested_at = schemas::Timestamp(DAWN);
    kpis.take(&ahead);
    kpis.take_all(&course("order:1", &[(0, "acknowledged"), (20, "completed")]));
    kpis.publish();
    assert_eq!(kpis.all("order_cycle", "5m"), (0, 1, 0, 0));
}
