//! What was measured, as text and as JSON.

use std::time::Duration;

use bytesize::ByteSize;
use serde_json::{Value, json};

use super::{Plan, Tally};
use crate::histogram::{self, Row};
use crate::wire::description;

/// Where a bucket of the histogram ends, in each power of ten: steps of about the same ratio.
const STEPS: [u64; 6] = [10, 15, 20, 30, 50, 70];

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

pub(super) struct Report<'p> {
    plan: &'p Plan,
    round_trips: u64,
    time: Duration,
    /// In nanoseconds: the least, the quantiles, the most.
    latencies: Vec<(&'static str, u64)>,
    /// From there, to below there, so many.
    buckets: Vec<(u64, u64, u64)>,
}

impl<'p> Report<'p> {
    pub(super) fn new(plan: &'p Plan, tally: &Tally) -> Self {
        let Tally { latencies: recorded, ended } = tally;
        let time = match (plan.began.get(), ended) {
            (Some(began), Some(ended)) => ended.saturating_duration_since(*began),
            _ => Duration::ZERO,
        };
        let quantiles = QUANTILES.map(|(name, quantile)| (name, recorded.value_at_quantile(quantile)));
        let latencies =
            [("min", recorded.min())].into_iter().chain(quantiles).chain([("max", recorded.max())]).collect();
        let values = recorded
            .iter_recorded()
            .map(|value| (value.value_iterated_to(), value.count_since_last_iteration()));
        Self { plan, round_trips: recorded.len(), time, latencies, buckets: buckets(values) }
    }

    fn per_second(&self, count: f64) -> f64 {
        let seconds = self.time.as_secs_f64();
        if seconds > 0.0 { count / seconds } else { 0.0 }
    }

    /// Round trips, bytes of payload each way, bytes on the wire each way; a second.
    fn rates(&self) -> [f64; 3] {
        [1, self.plan.size, self.plan.frame]
            .map(|each| self.per_second(self.round_trips as f64 * each as f64))
    }

    pub(super) fn text(&self, drawn: bool) -> String {
        let Self { plan, round_trips, time, .. } = self;
        let Plan { address, connections, depth, size, frame, .. } = plan;
        let s = if *connections == 1 { "" } else { "s" };
        let [trips, payload, wire] = self.rates();
        let bytes = |rate: f64| ByteSize(rate as u64).display().si().to_string();
        let names: String = self.latencies.iter().map(|(name, _)| format!("{name:<10}")).collect();
        let values: String =
            self.latencies.iter().map(|(_, value)| format!("{:<10}", nanos(*value))).collect();
        let mut text = format!(
            "{address}: {connections} connection{s}, depth {depth}, payloads of {size} bytes, frames of {frame}\n\
             round trips  {trips:.0}/s, {round_trips} in {:.3} s\n\
             payload      {}/s each way\n\
             wire         {}/s each way\n\
             latency      {}\n             {}",
            time.as_secs_f64(),
            bytes(payload),
            bytes(wire),
            names.trim_end(),
            values.trim_end(),
        );
        if drawn {
            text.push('\n');
            self.draw(&mut text);
        }
        text
    }

    fn draw(&self, text: &mut String) {
        let rows = self.buckets.iter().map(|(from, to, count)| Row {
            from: edge(*from),
            to: edge(*to),
            count: *count,
        });
        histogram::draw(rows, text);
    }

    pub(super) fn json(&self) -> Value {
        let Self { plan, round_trips, time, latencies, buckets } = self;
        let [trips, payload, wire] = self.rates();
        let latencies: serde_json::Map<_, _> =
            latencies.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let buckets: Vec<_> = buckets
            .iter()
            .map(|(from, to, count)| json!({ "from_ns": from, "to_ns": to, "count": count }))
            .collect();
        json!({
            "address": plan.address,
            "wire": description(plan.format.get_ref().field()),
            "payload_length": plan.size,
            "length": plan.frame,
            "connections": plan.connections,
            "depth": plan.depth,
            "round_trips": round_trips,
            "seconds": time.as_secs_f64(),
            "round_trips_per_second": trips,
            "payload_bytes_per_second": payload,
            "wire_bytes_per_second": wire,
            "latency_ns": latencies,
            "histogram": buckets,
        })
    }
}

/// The buckets from the least value to the greatest, the empty ones between them as well.
fn buckets(values: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64, u64)> {
    let mut buckets: Vec<(u64, u64, u64)> = Vec::new();
    let mut edges = edges();
    let mut to = 0;
    for (value, count) in values {
        while value >= to {
            let from = to;
            to = edges.next().unwrap_or(u64::MAX);
            if value < to || !buckets.is_empty() {
                buckets.push((from, to, 0));
            }
        }
        if let Some(bucket) = buckets.last_mut() {
            bucket.2 += count;
        }
    }
    buckets
}

/// 10, 15, 20, 30, 50, 70, 100, 150 …
fn edges() -> impl Iterator<Item = u64> {
    (0..18).flat_map(|power| STEPS.map(|step| step * 10_u64.pow(power)))
}

/// An edge of a bucket, which has two digits at most.
fn edge(time: u64) -> String {
    let shown = nanos(time);
    let Some((digits, unit)) = shown.split_once(' ').filter(|(digits, _)| digits.contains('.')) else {
        return shown;
    };
    format!("{} {unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// A time with three digits: `950 ns`, `38.2 µs`, `1.05 ms`.
fn nanos(nanos: u64) -> String {
    let mut value = nanos as f64;
    if nanos < 1000 {
        return format!("{nanos} ns");
    }
    for unit in ["µs", "ms", "s"] {
        value /= 1000.0;
        if value < 999.5 || unit == "s" {
            let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
            return format!("{value:.decimals$} {unit}");
        }
    }
    unreachable!("seconds are the last")
}

#[cfg(test)]
mod tests {
    use super::{buckets, nanos};

    #[test]
    fn times() {
        for (value, shown) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (38_249, "38.2 µs"),
            (999_400, "999 µs"),
            (999_600, "1.00 ms"),
            (10_000_000, "10.0 ms"),
            (9_996_000, "10.0 ms"),
            (1_500_000_000, "1.50 s"),
            (3_600_000_000_000, "3600 s"),
        ] {
            assert_eq!(nanos(value), shown);
        }
    }

    #[test]
    fn edges_of_buckets() {
        for (value, shown) in [
            (0, "0 ns"),
            (150, "150 ns"),
            (1_500, "1.5 µs"),
            (10_000, "10 µs"),
            (7_000_000, "7 ms"),
            (100_000, "100 µs"),
        ] {
            assert_eq!(super::edge(value), shown);
        }
    }

    #[test]
    fn every_value_is_in_its_bucket() {
        let values = [(12, 1), (15, 2), (69, 3), (70, 4), (1_000_000_000_000, 5)];
        let buckets = buckets(values.into_iter());
        assert_eq!(buckets[..5], [(10, 15, 1), (15, 20, 2), (20, 30, 0), (30, 50, 0), (50, 70, 3)]);
        assert_eq!(buckets[5], (70, 100, 4));
        assert_eq!(buckets.last(), Some(&(1_000_000_000_000, 1_500_000_000_000, 5)));
        assert!(buckets.windows(2).all(|pair| pair[0].1 == pair[1].0));
        assert_eq!(buckets.iter().map(|bucket| bucket.2).sum::<u64>(), 15);
        assert!(super::buckets([].into_iter()).is_empty());
        assert_eq!(super::buckets([(1, 7)].into_iter()), [(0, 10, 7)]);
    }
}
