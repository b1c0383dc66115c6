//! A dashboard: panels in rows, and what can be chosen above them.

use serde_json::{Value, json};

use super::Panel;

/// What can be chosen above a dashboard; all values of a label, or some given ones.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// As queries name it.
    pub name: &'static str,
    /// As people read it.
    pub label: &'static str,
    /// `label_values(...)`, or values with commas between them.
    pub values: &'static str,
}

impl Variable {
    /// Whether the values are asked for.
    pub fn is_asked(self) -> bool {
        self.values.starts_with("label_values(")
    }

    fn to_json(self) -> Value {
        if self.is_asked() {
            return json!({
                "name": self.name, "label": self.label, "type": "query", "query": self.values, "refresh": 2,
                "datasource": { "type": "prometheus", "uid": "${datasource}" },
                "includeAll": true, "multi": true, "allValue": ".*", "sort": 1,
                "current": { "text": "All", "value": "$__all" },
            });
        }
        let chosen = self.values.split(',').next().unwrap_or_default();
        json!({
            "name": self.name, "label": self.label, "type": "custom", "query": self.values,
            "includeAll": false, "multi": false, "current": { "text": chosen, "value": chosen },
        })
    }
}

/// A dashboard.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// Its stable name in addresses; also that of its file.
    pub uid: &'static str,
    /// As people read it.
    pub title: &'static str,
    /// Whom it is for, and what it answers.
    pub help: &'static str,
    /// What can be chosen, after the data source.
    pub variables: &'static [Variable],
    /// From left to right, then down.
    pub panels: &'static [Panel],
}

/// What Grafana's grid is wide.
const WIDTH: u32 = 24;

impl Board {
    /// The dashboard as Grafana reads it.
    pub fn to_json(self) -> Value {
        let (mut x, mut y, mut row) = (0, 0, 0);
        let panels: Vec<Value> = self
            .panels
            .iter()
            .enumerate()
            .map(|(index, panel)| {
                let (width, height) = panel.kind.size();
                // A row holds panels of one height.
                if x + width > WIDTH || (x > 0 && height != row) {
                    (x, y) = (0, y + row);
                }
                (x, row) = (x + width, height);
                panel.to_json(index + 1, (x - width, y))
            })
            .collect();
        let datasource = json!({
            "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
            "current": {}, "includeAll": false, "multi": false,
        });
        let variables = std::iter::once(datasource).chain(self.variables.iter().map(|variable| variable.to_json()));
        json!({
            "uid": self.uid, "title": self.title, "description": self.help, "tags": ["hub"],
            "schemaVersion": 39, "version": 1, "editable": false, "graphTooltip": 1, "timezone": "browser",
            "refresh": "30s", "time": { "from": "now-6h", "to": "now" },
            "links": [{
                "type": "dashboards", "title": "Hub", "tags": ["hub"], "asDropdown": true, "keepTime": true,
                "includeVars": false, "targetBlank": false, "icon": "external link", "tooltip": "", "url": "",
            }],
            "templating": { "list": variables.collect::<Vec<_>>() },
            "annotations": { "list": [] },
            "panels": panels,
        })
    }
}
