use super::*;
use crate::hash::Hash;
use crate::policy::{Rule, Scope, Water, treatment};

const NOW: Micros = 1_000 * DAY_US;
const PLACE: Place = Place { segment: Hash([1; 32]), recipe: 0 };

/// A blob of ten bytes that nobody has used for so many days.
fn blob(name: &str, idle_days: i64) -> Fact {
    let key = Key { tenant: "gold".into(), container: "in".into(), name: name.into(), ..Key::default() };
    Fact { key, etag: "e".into(), bytes: 10, used: NOW - idle_days * DAY_US, tier: None, place: Where::Flash }
}

fn both(fact: Fact) -> Fact {
    Fact { place: Where::Both(PLACE), ..fact }
}

fn cloud(fact: Fact) -> Fact {
    Fact { place: Where::Cloud(PLACE), ..fact }
}

fn tier(tier: Tier, fact: Fact) -> Fact {
    Fact { tier: Some(tier), ..fact }
}

fn rules(rules: &[(&str, Treatment)]) -> Rules {
    let rule = |(prefix, treat): &(&str, Treatment)| Rule {
        scope: Scope { prefix: (*prefix).into(), ..Scope::default() },
        treat: *treat,
    };
    Rules {
        water: Water { high_percent: 80, low_percent: 50 },
        rules: rules.iter().map(rule).collect(),
        otherwise: Treatment::WhenFull,
        ..Rules::default()
    }
}

/// Capacity is 100.
fn plan(rules: &Rules, used: u64, facts: &[Fact]) -> Plan {
    let mut planner = Planner::new(rules, 100, used, NOW);
    for fact in facts {
        planner.fact(fact.clone());
    }
    planner.finish()
}

fn moves(plan: &Plan) -> Vec<(&str, Action, Why)> {
    plan.moves.iter().map(|step| (step.key.name.as_str(), step.action, step.why)).collect()
}

#[test]
fn the_coldest_leave_from_high_water_down_to_low() {
    let facts: Vec<Fact> = [5, 9, 1, 7, 3, 8, 2, 6, 4].map(|days| blob(&format!("{days}"), days)).into();
    let full = plan(&rules(&[]), 90, &facts);
    let expected = ["9", "8", "7", "6"].map(|name| (name, Action::Offload, Why::HighWater));
    assert_eq!(moves(&full), expected);
    assert_eq!((full.bytes_freed, full.used_after, full.bytes_short), (40, 50, 0));
    assert_eq!(plan(&rules(&[]), 80, &facts), Plan { used_after: 80, ..Plan::default() });
}

#[test]
fn under_pressure_what_is_in_the_cloud_goes_first_and_what_a_client_calls_hot_last() {
    let facts = [tier(Tier::Hot, blob("hot", 90)), blob("cold", 50), both(blob("copied", 1)), blob("warm", 2)];
    let cases: [(u64, &[(&str, Action)]); 4] = [
        (
            81,
            &[
                ("copied", Action::Free(PLACE)),
                ("cold", Action::Offload),
                ("warm", Action::Offload),
                ("hot", Action::Offload),
            ],
        ),
        (
            95,
            &[
                ("copied", Action::Free(PLACE)),
                ("cold", Action::Offload),
                ("warm", Action::Offload),
                ("hot", Action::Offload),
            ],
        ),
        (80, &[]),
        (0, &[]),
    ];
    for (used, expected) in cases {
        let plan = plan(&rules(&[]), used, &facts);
        let found: Vec<_> = moves(&plan).into_iter().map(|(name, action, _)| (name, action)).collect();
        assert_eq!(found, expected, "{used}");
    }
    let short = plan(&rules(&[]), 95, &facts);
    assert_eq!((short.used_after, short.bytes_short), (55, 5));
}

#[test]
fn rules_and_tiers_decide_in_their_order() {
    use Treatment::{AtOnce, Copy, Idle, Pin, WhenFull};
    let idle = Idle { days: 30 };
    type Case = (&'static str, Treatment, Fact, Option<(Action, Why)>);
    let (rule, leaves) = (Why::Rule(Some(0)), Action::Offload);
    let cases: [Case; 18] = [
        ("not idle enough", idle, blob("a", 29), None),
        ("idle", idle, blob("a", 30), Some((leaves, Why::Idle { days: 30, rule: Some(0) }))),
        ("idle, but called hot", idle, tier(Tier::Hot, blob("a", 99)), None),
        ("at once", AtOnce, blob("a", 0), Some((leaves, rule))),
        ("at once, but called hot", AtOnce, tier(Tier::Hot, blob("a", 0)), None),
        ("there already", AtOnce, both(blob("a", 0)), Some((Action::Free(PLACE), rule))),
        ("gone already", AtOnce, cloud(blob("a", 99)), None),
        ("copied", Copy, blob("a", 0), Some((Action::Copy, rule))),
        ("copied, hot too", Copy, tier(Tier::Hot, blob("a", 0)), Some((Action::Copy, rule))),
        ("copied already", Copy, both(blob("a", 99)), None),
        ("cool", WhenFull, tier(Tier::Cool, blob("a", 0)), Some((leaves, Why::Tier(Tier::Cool)))),
        ("archived", idle, tier(Tier::Archive, blob("a", 0)), Some((leaves, Why::Tier(Tier::Archive)))),
        (
            "archived and copied",
            Copy,
            tier(Tier::Archive, both(blob("a", 0))),
            Some((Action::Free(PLACE), Why::Tier(Tier::Archive))),
        ),
        ("archived and pinned", Pin, tier(Tier::Archive, blob("a", 0)), None),
        ("in the archive", WhenFull, tier(Tier::Archive, cloud(blob("a", 0))), None),
        (
            "rehydrated",
            WhenFull,
            tier(Tier::Hot, cloud(blob("a", 0))),
            Some((Action::Promote(PLACE), Why::Tier(Tier::Hot))),
        ),
        ("pinned now", Pin, cloud(blob("a", 0)), Some((Action::Promote(PLACE), rule))),
        ("left alone", WhenFull, blob("a", 999), None),
    ];
    for (name, treat, fact, expected) in cases {
        let plan = plan(&rules(&[("a", treat), ("", Pin)]), 60, &[fact]);
        let found = moves(&plan).first().map(|(_, action, why)| (*action, *why));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn scopes_are_of_tenant_container_and_prefix_and_the_first_that_holds_decides() {
    let scope = |tenant: Option<&str>, container: Option<&str>, prefix: &str| Scope {
        tenant: tenant.map(Into::into),
        container: container.map(Into::into),
        prefix: prefix.into(),
    };
    let rule = |scope, treat| Rule { scope, treat };
    let rules = Rules {
        rules: vec![
            rule(scope(Some("gold"), None, "keep/"), Treatment::Pin),
            rule(scope(None, Some("logs"), ""), Treatment::AtOnce),
            rule(scope(Some("gold"), None, ""), Treatment::Copy),
        ],
        ..Rules::default()
    };
    let fact = |tenant: &str, container: &str, name: &str| {
        let key = Key { tenant: tenant.into(), container: container.into(), name: name.into(), ..Key::default() };
        Fact { key, ..blob("", 0) }
    };
    let cases = [
        (fact("gold", "logs", "keep/a"), Treatment::Pin),
        (fact("gold", "logs", "a"), Treatment::AtOnce),
        (fact("bronze", "logs", "keep/a"), Treatment::AtOnce),
        (fact("gold", "in", "a"), Treatment::Copy),
        (fact("bronze", "in", "a"), Treatment::WhenFull),
    ];
    for (fact, expected) in cases {
        assert_eq!(treatment(&rules, &fact).0, expected, "{}", fact.key);
    }
}

#[test]
fn what_comes_back_never_fills_flash() {
    let facts: Vec<Fact> = (0..5).map(|n| tier(Tier::Hot, cloud(blob(&format!("{n}"), 0)))).collect();
    let plan = plan(&rules(&[]), 55, &facts);
    assert_eq!((plan.moves.len(), plan.bytes_promoted, plan.used_after), (2, 20, 75));
}

#[test]
fn pinned_bytes_are_told_where_room_stays_short() {
    let facts: Vec<Fact> = (0..9).map(|n| blob(&format!("{n}"), n)).collect();
    let plan = plan(&rules(&[("", Treatment::Pin)]), 90, &facts);
    assert_eq!((plan.moves.len(), plan.held.pinned, plan.bytes_short), (0, 90, 40));
}

#[test]
fn rules_are_read_as_an_operator_writes_them() {
    let text = r#"{"water": {"high_percent": 90, "low_percent": 75}, "otherwise": {"idle": {"days": 30}},
        "rules": [{"tenant": "gold", "prefix": "keep/", "treat": "pin"}]}"#;
    let rules: Rules = serde_json::from_str(text).expect("reads");
    assert_eq!(rules.otherwise, Treatment::Idle { days: 30 });
    assert_eq!(rules.rules[0].treat, Treatment::Pin);
    assert_eq!(rules.rules[0].scope.tenant.as_deref(), Some("gold"));
}
