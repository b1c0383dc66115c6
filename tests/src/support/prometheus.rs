//! Debian's Prometheus, on a port and in a folder of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{free_port, until};

/// A running Prometheus; ended when dropped.
pub struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    /// Starts one that reads the metrics of `target` each second and evaluates these rule files.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(folder: &Path, target: &str, rules: &[&str]) -> Self {
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: {rules:?}\nscrape_configs:\n  - \
             job_name: hub\n    static_configs: [{{ targets: [{target:?}] }}]\n"
        );
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, config).expect("a writable folder");
        let address = format!("127.0.0.1:{}", free_port());
        let log = std::fs::File::create(folder.join("prometheus.log")).expect("a writable folder");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus is there: ./setup.sh test installs it");
        let prometheus = Self { child, url: format!("http://{address}") };
        until("Prometheus is ready", Duration::from_secs(30), || {
            let answer = reqwest::blocking::get(format!("{}/-/ready", prometheus.url)).ok()?;
            answer.status().is_success().then_some(())
        });
        prometheus
    }

    /// Asks its HTTP API; what it complains of goes into the failure.
    fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = reqwest::Url::parse_with_params(&format!("{}/api/v1/{path}", self.url), parameters).expect("a URL");
        let answer = reqwest::blocking::get(url).expect("an answer");
        let answer: Value = answer.json().expect("JSON");
        assert_eq!(answer["status"], "success", "{path} {parameters:?}: {answer}");
        answer["data"].clone()
    }

    /// How many series an expression has now.
    pub fn count(&self, expression: &str) -> usize {
        self.ask("query", &[("query", expression)])["result"].as_array().map_or(0, Vec::len)
    }

    /// The values of a label among the series of a selector.
    pub fn values(&self, selector: &str, label: &str) -> Vec<String> {
        let values = self.ask(&format!("label/{label}/values"), &[("match[]", selector)]);
        values.as_array().into_iter().flatten().filter_map(|value| Some(value.as_str()?.to_owned())).collect()
    }

    /// Rules that could not be evaluated, with the reason.
    pub fn faulty_rules(&self) -> Vec<String> {
        let groups = self.ask("rules", &[]);
        let rules = groups["groups"].as_array().into_iter().flatten().filter_map(|group| group["rules"].as_array());
        let faulty = rules.flatten().filter(|rule| rule["health"] == "err");
        faulty.map(|rule| format!("{}: {}", rule["name"], rule["lastError"])).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
