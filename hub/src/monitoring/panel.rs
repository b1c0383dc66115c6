//! One picture of a dashboard.

use serde_json::{Value, json};

/// What a number counts; Grafana writes it accordingly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Things per second.
    PerSecond,
    /// A share, 1 for all.
    Share,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Times something.
    Times,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::PerSecond => "ops",
            Self::Share => "percentunit",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::Times => "x",
        }
    }
}

/// How it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Lines over time.
    Lines,
    /// The newest numbers, large.
    Numbers,
    /// The newest numbers as bars, one for each series.
    Bars,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Lines => "timeseries",
            Self::Numbers => "stat",
            Self::Bars => "bargauge",
        }
    }

    /// Width and height on Grafana's grid, which is 24 wide.
    pub(super) fn size(self) -> (u32, u32) {
        match self {
            Self::Numbers => (6, 4),
            Self::Lines | Self::Bars => (12, 8),
        }
    }
}

/// One PromQL expression, and how its series are called.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// With the variables of its dashboard.
    pub expr: &'static str,
    /// With labels in double braces.
    pub legend: &'static str,
}

/// One picture.
#[derive(Clone, Copy, Debug)]
pub struct Panel {
    /// What it shows.
    pub title: &'static str,
    /// How to read it, in one or two sentences.
    pub help: &'static str,
    /// Of all its numbers.
    pub unit: Unit,
    /// How it is drawn.
    pub kind: Kind,
    /// The dashboard that says more.
    pub link: &'static str,
    /// What it asks.
    pub queries: &'static [Query],
}

pub(super) const fn query(expr: &'static str, legend: &'static str) -> Query {
    Query { expr, legend }
}

pub(super) const fn lines(
    title: &'static str,
    help: &'static str,
    unit: Unit,
    link: &'static str,
    queries: &'static [Query],
) -> Panel {
    Panel { title, help, unit, kind: Kind::Lines, link, queries }
}

impl Panel {
    pub(super) const fn drawn(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The panel as Grafana reads it.
    pub(super) fn to_json(self, id: usize, (x, y): (u32, u32)) -> Value {
        let (width, height) = self.kind.size();
        let datasource = json!({ "type": "prometheus", "uid": "${datasource}" });
        let targets: Vec<Value> = self
            .queries
            .iter()
            .zip('A'..='Z')
            .map(|(query, name)| {
                json!({
                    "refId": name.to_string(), "datasource": datasource, "editorMode": "code", "range": true,
                    "expr": query.expr,
                    "legendFormat": if query.legend.is_empty() { self.title } else { query.legend },
                })
            })
            .collect();
        let options = match self.kind {
            Kind::Lines => json!({
                "legend": { "displayMode": "list", "placement": "bottom" },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Kind::Numbers => json!({
                "colorMode": "value", "graphMode": "area", "textMode": "auto",
                "reduceOptions": { "calcs": ["lastNotNull"] },
            }),
            Kind::Bars => json!({
                "displayMode": "basic", "orientation": "horizontal", "reduceOptions": { "calcs": ["lastNotNull"] },
            }),
        };
        json!({
            "id": id, "type": self.kind.name(), "title": self.title, "description": self.help,
            "gridPos": { "x": x, "y": y, "w": width, "h": height },
            "datasource": datasource, "targets": targets, "options": options,
            "fieldConfig": { "defaults": { "unit": self.unit.name(), "min": 0 }, "overrides": [] },
            "links": [{ "title": "More", "url": format!("/d/{}?${{__url_time_range}}", self.link) }],
        })
    }
}
