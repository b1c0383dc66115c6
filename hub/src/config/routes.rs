//! `[[routes]]`: the router's own faults, brought to their place in the file.

use std::ops::Range;

use processors::route::{RouteCode, RouteError, RoutePart, RouteSpec, Router, default_routes};

use super::diagnostic::Diagnostic;
use super::reader::{Located, Section};
use super::targets::Partner;
use super::{ConfigCode, nearest};

/// A route and where its settings stand.
struct Places {
    section: Range<usize>,
    name: Option<Located<String>>,
    family: Option<Located<String>>,
    when: Option<Located<String>>,
    target: Option<Located<String>>,
    partner: Option<Located<String>>,
    fields: Vec<Located<String>>,
    specification: Option<Located<String>>,
}

/// The targets that are configured.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) partners: &'a [Located<Partner>],
    pub(super) floworx: bool,
    pub(super) notification: bool,
}

/// The configured routes, or the default ones where the file has none. Defaults whose target is
/// not configured are left out; a configured route to nowhere is a fault.
pub(super) fn read(root: &Section<'_, '_>, known: Known<'_>) -> Vec<RouteSpec> {
    let Some(sections) = root.sections("routes") else {
        return default_routes()
            .into_iter()
            .filter(|route| match route.target.as_str() {
                "floworx" => known.floworx,
                "partner" => !known.partners.is_empty(),
                "notification" => known.notification,
                _ => true,
            })
            .collect();
    };
    let places: Vec<Places> = sections.iter().map(place).collect();
    let specs: Vec<RouteSpec> = places.iter().map(Places::spec).collect();
    if let Err(errors) = Router::new(specs.clone()) {
        for error in errors {
            // A missing setting was noted when it was read; its emptiness is not a second fault.
            let missing = match error.part {
                RoutePart::Name => places[error.index].name.is_none(),
                RoutePart::Family => places[error.index].family.is_none(),
                RoutePart::Target => places[error.index].target.is_none(),
                _ => false,
            };
            if !missing {
                root.push(places[error.index].diagnostic(&error));
            }
        }
    }
    for places in &places {
        places.check_target(root, known);
    }
    specs
}

fn place(section: &Section<'_, '_>) -> Places {
    let places = Places {
        section: section.span.clone(),
        name: section.required("name"),
        family: section.required("family"),
        when: section.string("when"),
        target: section.required("target"),
        partner: section.string("partner"),
        fields: section.strings("fields").unwrap_or_default(),
        specification: section.string("specification"),
    };
    section.finish();
    places
}

fn text(found: &Option<Located<String>>) -> String {
    found.as_ref().map_or_else(String::new, |found| found.value.clone())
}

/// What to do where the router has no nearer advice.
fn help(code: RouteCode) -> Option<String> {
    let help = match code {
        RouteCode::DuplicateName => "give each route a name of its own",
        RouteCode::DuplicateField => "name each field once",
        _ => return None,
    };
    Some(help.into())
}

impl Places {
    fn spec(&self) -> RouteSpec {
        RouteSpec {
            name: text(&self.name),
            family: text(&self.family),
            when: text(&self.when),
            target: text(&self.target),
            partner: self.partner.as_ref().map(|found| found.value.clone()),
            fields: self.fields.iter().map(|found| found.value.clone()).collect(),
            specification: self.specification.as_ref().map(|found| found.value.clone()),
        }
    }

    fn diagnostic(&self, error: &RouteError) -> Diagnostic {
        let found = match error.part {
            RoutePart::Name => self.name.as_ref(),
            RoutePart::Family => self.family.as_ref(),
            RoutePart::When => self.when.as_ref(),
            RoutePart::Target => self.target.as_ref(),
            RoutePart::Partner => self.partner.as_ref(),
            RoutePart::Field(index) => self.fields.get(index),
            RoutePart::Specification => self.specification.as_ref(),
        };
        let span = match (found, &error.span) {
            (Some(found), Some(inner)) => found.within(inner.clone()),
            (Some(found), None) => found.span.clone(),
            (None, _) => self.section.clone(),
        };
        Diagnostic {
            code: error.code.number(),
            message: error.to_string(),
            span,
            help: error.help.clone().or_else(|| help(error.code)),
        }
    }

    /// Whether the target that the route names is configured.
    fn check_target(&self, root: &Section<'_, '_>, known: Known<'_>) {
        let Some(target) = &self.target else { return };
        let name = text(&self.name);
        match (target.value.as_str(), &self.partner) {
            ("notification", _) if !known.notification => root.fault_with_help(
                ConfigCode::Relation,
                target.span.clone(),
                format!("route {name:?} goes to notification, but there is no section [notification]"),
                "add [notification] with its url and secrets, or remove the route",
            ),
            ("floworx", _) if !known.floworx => root.fault_with_help(
                ConfigCode::Relation,
                target.span.clone(),
                format!("route {name:?} goes to floworx, but there is no section [floworx]"),
                "add [floworx] with its url, or remove the route",
            ),
            ("notification", Some(partner)) if partner.value != "notification" => root.fault_with_help(
                ConfigCode::Relation,
                partner.span.clone(),
                format!("route {name:?} notifies {:?}, but there is only the one of [notification]", partner.value),
                "leave partner out",
            ),
            ("partner", Some(partner)) if partner.value != "each" => {
                let ids = || known.partners.iter().map(|found| found.value.id.as_str());
                if ids().all(|id| id != partner.value) {
                    let message = format!(
                        "route {name:?} goes to the partner {:?}, which [[partners]] does not have",
                        partner.value
                    );
                    let help = nearest(&partner.value, ids())
                        .map_or_else(|| "add it under [[partners]]".to_owned(), |near| format!("nearest: {near:?}"));
                    root.fault_with_help(ConfigCode::Relation, partner.span.clone(), message, help);
                }
            }
            _ => {}
        }
    }
}
