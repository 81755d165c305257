//! The lists on top of a dashboard.

use serde_json::{Value, json};

use crate::query::data_source;

/// A list whose values Prometheus knows, read again with every refresh.
pub(crate) struct Variable {
    name: &'static str,
    label: &'static str,
    description: &'static str,
    query: String,
    // What is chosen at first where one must be; else several can be, and at first all are.
    chosen: Option<&'static str>,
}

impl Variable {
    /// One job, of those that this query finds.
    pub(crate) fn job(query: &str, chosen: &'static str, description: &'static str) -> Self {
        Self {
            name: "job",
            label: "Job",
            description,
            query: query.to_owned(),
            chosen: Some(chosen),
        }
    }

    /// The service's job, where these series exist.
    pub(crate) fn service(series: &str) -> Self {
        let query = format!("label_values({series}, job)");
        let description = "The job of the service in Prometheus' configuration.";
        Self::job(&query, "app", description)
    }

    /// Any number of its values.
    pub(crate) fn several(
        name: &'static str,
        label: &'static str,
        query: &str,
        description: &'static str,
    ) -> Self {
        Self {
            name,
            label,
            description,
            query: query.to_owned(),
            chosen: None,
        }
    }

    /// The instances of the job that is chosen.
    pub(crate) fn instances() -> Self {
        Self::several(
            "instance",
            "Instance",
            r#"label_values(up{job="$job"}, instance)"#,
            "The instances of the job; All follows as they come and go.",
        )
    }

    pub(crate) fn json(&self) -> Value {
        let several = self.chosen.is_none();
        let current = match self.chosen {
            Some(value) => json!({"selected": true, "text": value, "value": value}),
            None => json!({"selected": true, "text": ["All"], "value": ["$__all"]}),
        };
        let mut variable = json!({
            "current": current,
            "datasource": data_source(),
            "description": self.description,
            "hide": 0,
            "includeAll": several,
            "label": self.label,
            "multi": several,
            "name": self.name,
            "options": [],
            "query": {"query": self.query, "refId": format!("variable-{}", self.name)},
            "refresh": 2,
            "regex": "",
            "skipUrlSync": false,
            "sort": 1,
            "type": "query",
        });
        if several {
            variable["allValue"] = json!(".*");
        }
        variable
    }
}
