//! What a meter counted, as metrics: totals since the beginning (cumulative).

use super::attributes::Attributes;
use super::fields::{Encoding, Field, Fields};
use super::span::nanoseconds;
use crate::base::fact::Loser;
use crate::base::{Status, Timestamp};
use crate::export::meter::names::{BUCKETS, Metric, attribute, metric};
use crate::export::meter::{Explicit, Exponential, Labels, Meter, lost_by, seconds};

/// Data points of one message, at most.
const MAX_POINTS: usize = 200;

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u32 = 2;

/// A metric as a message, and its number of data points.
pub(super) type Written = (Vec<u8>, usize);

/// Writes metrics of one time.
pub(super) struct Writer {
    pub(super) encoding: Encoding,
    /// Since when the totals count, and up to when.
    pub(super) times: (Timestamp, Timestamp),
    pub(super) written: Vec<Written>,
}

impl Writer {
    /// Writes the series that changed. Texts that were cut elsewhere count as cut, too.
    pub(super) fn changes(&mut self, meter: &Meter, cut: u64) {
        let operations = meter.operations.changed();
        let of = |pick: fn(&crate::export::meter::Operation) -> &Explicit| {
            let all = operations.iter().map(|(labels, it)| (labels, pick(it)));
            all.filter(|(_, histogram)| histogram.count() > 0).collect::<Vec<_>>()
        };
        self.histogram(metric::CLIENT_OPERATION, &of(|it| &it.client));
        self.histogram(metric::SERVER_OPERATION, &of(|it| &it.server));
        let exponential = operations.iter().map(|(labels, it)| (labels, &it.exponential));
        let exponential: Vec<_> = exponential.filter(|(_, histogram)| histogram.count() > 0).collect();
        self.exponential(metric::OPERATION, &exponential);
        let by_status = operations.iter().flat_map(|(labels, it)| {
            Status::ALL
                .iter()
                .zip(it.by_status)
                .map(|(status, count)| (labels.with(attribute::STATUS, status.name()), count))
        });
        self.sum(metric::OPERATIONS, by_status);
        self.sum(
            metric::RETRANSMISSIONS,
            operations.iter().map(|(labels, it)| (labels.clone(), it.retransmissions)),
        );
        self.sum(
            metric::NOTIFICATIONS,
            meter.notifications.changed().into_iter().map(|(labels, count)| (labels, *count)),
        );
        let sessions = meter.sessions.changed();
        let durations = sessions.iter().map(|(labels, it)| (labels, &it.duration));
        let durations: Vec<_> = durations.filter(|(_, histogram)| histogram.count() > 0).collect();
        self.histogram(metric::CLIENT_SESSION, &durations);
        self.histogram(metric::SERVER_SESSION, &durations);
        let by_end = sessions.iter().flat_map(|(labels, it)| {
            it.by_end.iter().map(|(end, count)| (labels.with(attribute::ENDED, end), *count))
        });
        self.sum(metric::SESSIONS, by_end);
        let findings = meter.findings.iter().map(|(code, count)| {
            let mut labels = Labels::default();
            labels.add(attribute::CODE, Some(code.name()));
            labels.add(attribute::SEVERITY, Some(code.severity().name()));
            (labels, *count)
        });
        self.sum(metric::FINDINGS, findings);
        let capture = &meter.capture;
        self.sum(metric::PACKETS, [(Labels::default(), capture.packets)]);
        self.sum(metric::PACKET_BYTES, [(Labels::default(), capture.bytes)]);
        let lost = Loser::ALL.into_iter().map(|by| {
            let mut labels = Labels::default();
            labels.add(attribute::LOST_BY, Some(lost_by(by)));
            (labels, capture.lost.by(by))
        });
        self.sum(metric::PACKETS_LOST, lost);
        self.sum(metric::NAMES_CUT, [(Labels::default(), meter.cut + cut)]);
    }

    /// A sum; series of 0 are left out.
    fn sum(&mut self, metric: Metric, points: impl IntoIterator<Item = (Labels, u64)>) {
        let points: Vec<_> = points.into_iter().filter(|(_, value)| *value > 0).collect();
        let times = self.times;
        self.write(metric, Field("sum", 7), &points, |data, points| {
            data.each(Field("dataPoints", 1), points, |point, (labels, value)| {
                begin(point, times);
                point.signed_fixed64(Field("asInt", 6), i64::try_from(*value).unwrap_or(i64::MAX));
                Attributes::of(labels).write(point, Field("attributes", 7));
            });
            data.number(Field("aggregationTemporality", 2), CUMULATIVE);
            data.boolean(Field("isMonotonic", 3), true);
        });
    }

    fn histogram(&mut self, metric: Metric, points: &[(&Labels, &Explicit)]) {
        let times = self.times;
        self.write(metric, Field("histogram", 9), points, |data, points| {
            data.each(Field("dataPoints", 1), points, |point, (labels, histogram)| {
                begin(point, times);
                point.fixed64(Field("count", 4), histogram.count());
                point.double(Field("sum", 5), seconds(histogram.sum_ns));
                point.packed_fixed64(Field("bucketCounts", 6), &histogram.counts);
                point.packed_double(Field("explicitBounds", 7), &BUCKETS);
                Attributes::of(labels).write(point, Field("attributes", 9));
            });
            data.number(Field("aggregationTemporality", 2), CUMULATIVE);
        });
    }

    fn exponential(&mut self, metric: Metric, points: &[(&Labels, &Exponential)]) {
        let times = self.times;
        self.write(metric, Field("exponentialHistogram", 10), points, |data, points| {
            data.each(Field("dataPoints", 1), points, |point, (labels, histogram)| {
                Attributes::of(labels).write(point, Field("attributes", 1));
                begin(point, times);
                point.fixed64(Field("count", 4), histogram.count());
                point.double(Field("sum", 5), seconds(histogram.sum_ns));
                point.signed32(Field("scale", 6), histogram.scale);
                point.fixed64(Field("zeroCount", 7), histogram.zero);
                point.message(Field("positive", 8), |buckets| {
                    buckets.signed32(Field("offset", 1), histogram.offset);
                    buckets.packed_uint64(Field("bucketCounts", 2), &histogram.counts);
                });
                if let Some((shortest, longest)) = histogram.range_ns {
                    point.double(Field("min", 12), seconds(shortest.into()));
                    point.double(Field("max", 13), seconds(longest.into()));
                }
            });
            data.number(Field("aggregationTemporality", 2), CUMULATIVE);
        });
    }

    /// Writes a metric for each [`MAX_POINTS`] of its points.
    fn write<P>(&mut self, metric: Metric, data: Field, points: &[P], write: impl Fn(&mut Fields, &[P])) {
        for points in points.chunks(MAX_POINTS) {
            let message = Fields::message_of(self.encoding, |fields| {
                fields.text(Field("name", 1), metric.name);
                fields.text(Field("description", 2), metric.description);
                fields.text(Field("unit", 3), metric.unit);
                fields.message(data, |data| write(data, points));
            });
            self.written.push((message, points.len()));
        }
    }
}

/// The times of a data point.
fn begin(point: &mut Fields, (since, at): (Timestamp, Timestamp)) {
    point.fixed64(Field("startTimeUnixNano", 2), nanoseconds(since));
    point.fixed64(Field("timeUnixNano", 3), nanoseconds(at));
}
