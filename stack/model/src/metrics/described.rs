//! How metrics are declared, each in one line, and what is made of it: a field of a snapshot, and what is known of its value wherever that is
//! told. Nothing else lists metrics.

use super::OpClass;
use crate::TenantName;

/// What is known of a metric beside its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// To Prometheus, which puts `greenroom_` before it, and behind it the unit, and `total` where it only grows.
    pub name: &'static str,
    pub kind: Kind,
    pub unit: Unit,
    pub help: &'static str,
    /// To charts and conditions, behind the tenant's name and the operation's where it is of one.
    pub chart: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows while the server runs; charts know its rate as well, by its name and `_per_s`.
    Counter,
    Gauge,
    /// So large a part of all were at most that much. Without any there is none, written as 0, which would read as a very small one.
    Quantile(f64),
}

/// What a value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things; or one, for what is true.
    Count,
    Bytes,
    Microseconds,
    Milliseconds,
    Seconds,
    Days,
    Ratio,
}

impl Unit {
    /// The unit that Prometheus's conventions ask for, and how much of it one of these is.
    pub fn base(self) -> (Option<&'static str>, f64) {
        match self {
            Unit::Count => (None, 1.0),
            Unit::Bytes => (Some("bytes"), 1.0),
            Unit::Microseconds => (Some("seconds"), 1e-6),
            Unit::Milliseconds => (Some("seconds"), 1e-3),
            Unit::Seconds => (Some("seconds"), 1.0),
            Unit::Days => (Some("seconds"), 86_400.0),
            Unit::Ratio => (Some("ratio"), 1.0),
        }
    }
}

/// A metric at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'m> {
    pub metric: &'static Metric,
    /// Whose it is; the server's where absent.
    pub tenant: Option<&'m TenantName>,
    /// Of which operations it is; of all of them where absent.
    pub op: Option<OpClass>,
    /// Absent where there is nothing to tell.
    pub value: Option<f64>,
}

impl Sample<'_> {
    /// The whole name that charts and conditions know it by.
    pub fn chart(&self) -> String {
        let chart = self.metric.chart;
        match (self.tenant, self.op) {
            (Some(tenant), Some(op)) => format!("{tenant}.{}.{chart}", op.as_str()),
            (Some(tenant), None) => format!("{tenant}.{chart}"),
            (None, _) => chart.to_owned(),
        }
    }
}

/// What a field of a snapshot may be.
pub trait Figure {
    fn value(&self) -> Option<f64>;

    /// Left out of the snapshot's JSON, too.
    fn is_absent(&self) -> bool {
        self.value().is_none()
    }
}

impl Figure for u64 {
    fn value(&self) -> Option<f64> {
        Some(*self as f64)
    }
}

impl Figure for f64 {
    fn value(&self) -> Option<f64> {
        Some(*self)
    }
}

impl Figure for bool {
    fn value(&self) -> Option<f64> {
        Some(f64::from(u8::from(*self)))
    }
}

impl<T: Figure> Figure for Option<T> {
    fn value(&self) -> Option<f64> {
        self.as_ref().and_then(T::value)
    }
}

/// What a metric has to tell, of the value that its field holds.
pub fn told(metric: &Metric, value: Option<f64>) -> Option<f64> {
    value.filter(|value| *value != 0.0 || !matches!(metric.kind, Kind::Quantile(_)))
}

/// Declares a struct of figures. A line is the metric's help, then `field: type => kind, unit, name, chart;`. What else the struct holds
/// stands `beside` them. A macro, since the field, its help and its names must not be able to differ; a snapshot of before a metric was
/// declared is still read.
macro_rules! metrics {
    (
        $(#[$of_struct:meta])*
        pub struct $struct:ident {
            $($(#[doc = $help:literal])+ $field:ident: $type:ty => $kind:expr, $unit:ident, $name:literal, $chart:literal;)+
            $(beside { $($(#[$of_beside:meta])* $beside:ident: $beside_type:ty,)+ })?
        }
    ) => {
        $(#[$of_struct])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
        #[serde(default)]
        pub struct $struct {
            $(
                $(#[doc = $help])+
                #[serde(skip_serializing_if = "Figure::is_absent")]
                pub $field: $type,
            )+
            $($($(#[$of_beside])* pub $beside: $beside_type,)+)?
        }

        impl $struct {
            pub const METRICS: &'static [Metric] = &[$(Metric {
                name: $name,
                kind: $kind,
                unit: Unit::$unit,
                help: concat!($($help),+).trim_ascii(),
                chart: $chart,
            }),+];

            /// What there is to tell of each metric, in their order.
            pub fn told(&self) -> impl Iterator<Item = (&'static Metric, Option<f64>)> {
                let values = [$(self.$field.value()),+];
                Self::METRICS.iter().zip(values).map(|(metric, value)| (metric, told(metric, value)))
            }
        }
    };
}
pub(super) use metrics;
