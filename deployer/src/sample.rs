//! Made-up data for a preview of dashboards: the same for the same stack, and shaped as such data are: a working day's wave,
//! noise, and a quarter of an hour in which something goes wrong.

use crate::model::Stack;
use crate::model::board::{Line, Widget};
use crate::render::board::Points;
use crate::synth;
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// The window of all samples, seconds since 1970: 2026-11-20 09:00 to 12:00 UTC.
pub(crate) const FROM: i64 = 1_795_165_200;
pub(crate) const UNTIL: i64 = FROM + 3 * 3_600;

/// Two releases within it: after the second one, things go wrong.
pub(crate) const RELEASES: [(u32, i64); 2] = [(41, FROM + 2_400), (42, FROM + 7_020)];

/// The points of each metric of a widget.
pub(crate) fn points(widget: &Widget) -> Vec<Points> {
    let period = i64::try_from(widget.period.as_secs()).unwrap_or(300).clamp(60, UNTIL - FROM);
    let lines = widget.metrics.iter().flatten();
    lines.map(|line| Points { points: series(line, period), problem: None }).collect()
}

/// The states of a stack's alarms. What stands for a set is on when one of its alarms is.
pub(crate) fn states(stack: &Stack) -> BTreeMap<String, String> {
    let mut states: BTreeMap<String, String> = BTreeMap::new();
    for alarm in &stack.watched.alarms {
        let name = synth::alarm_name(stack, alarm);
        let state = state(&name);
        let service = states.entry(synth::service_alarm_name(stack, &alarm.set, 1)).or_insert_with(|| "OK".to_owned());
        if state == "ALARM" {
            state.clone_into(service);
        }
        states.insert(name, state.to_owned());
    }
    states
}

/// Nearly all are well.
fn state(name: &str) -> &'static str {
    match seed(name) % 19 {
        0 => "ALARM",
        1 | 2 => "INSUFFICIENT_DATA",
        _ => "OK",
    }
}

fn series(line: &Line, period: i64) -> Vec<(i64, f64)> {
    let times = (0..).map(|step| FROM + step * period).take_while(|at| *at < UNTIL);
    times.map(|at| (at, value(line, at))).collect()
}

/// What goes wrong: 0 before, 1 at its worst.
fn trouble(at: i64) -> f64 {
    let minutes = minutes(at - RELEASES[1].1);
    if (0.0..=18.0).contains(&minutes) { (minutes / 18.0 * TAU / 2.0).sin() } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of three hours")]
fn minutes(seconds: i64) -> f64 {
    seconds as f64 / 60.0
}

fn value(line: &Line, at: i64) -> f64 {
    // A function has the same busy hours in every graph.
    let own = seed(&line.dimensions.values().cloned().collect::<String>());
    let own = if line.dimensions.is_empty() { seed(&line.label) } else { own };
    let size = 0.4 + share(own);
    let wave = 1.0 + 0.35 * (minutes(at - FROM) / 90.0 * TAU + TAU * share(own)).sin();
    let noise = 0.9 + 0.2 * share(own ^ at.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let busy = size * wave * noise;
    let hit = trouble(at) * share(own.rotate_left(17));
    let statistic = line.statistic.as_ref().map_or("", |statistic| statistic.value.as_str());
    if line.math.is_some() {
        return 100.0 - 0.4 * noise - 38.0 * hit;
    }
    let spread = match statistic {
        "p50" => 0.5,
        "p99" => 1.6,
        _ => 1.0,
    };
    match line.name.as_deref().unwrap_or_default() {
        "Errors" if statistic == "Average" => 0.004 * noise + 0.38 * hit,
        "Errors" => (60.0 * hit + 0.6 * share(own ^ at.unsigned_abs())).floor(),
        "Invocations" | "Count" => (160.0 * busy).round(),
        "Throttles" | "RateLimited" | "5xx" => (14.0 * hit - 4.0).max(0.0).round(),
        "4xx" => (6.0 * busy).round(),
        "Duration" | "Latency" => spread * 240.0 * busy * (1.0 + 2.0 * hit),
        "IntegrationLatency" => spread * 200.0 * busy * (1.0 + 2.0 * hit),
        "ConcurrentExecutions" => (9.0 * busy * (1.0 + hit)).ceil(),
        "ClaimedAccountConcurrency" => (34.0 * wave * (1.0 + trouble(at))).ceil(),
        "MemoryUsed" => 118.0 * size * (0.96 + 0.04 * noise),
        "ColdStart" if statistic == "SampleCount" => (5.0 * busy).round(),
        "ColdStart" => 96.0 * size * noise,
        "ApproximateNumberOfMessagesVisible" => (2.0 * busy + 46.0 * hit).round(),
        "ApproximateAgeOfOldestMessage" => 3.0 * busy + 400.0 * hit,
        _ => 40.0 * busy,
    }
}

/// FNV-1a: any text to a number, always the same.
fn seed(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// 0 to 1.
fn share(number: u64) -> f64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    #[expect(clippy::cast_precision_loss, reason = "32 bits fit")]
    let share = (mixed >> 32) as f64 / f64::from(u32::MAX);
    share
}
