//! What can be wrong with a route, and the nearest thing that would be right.

use std::fmt;
use std::ops::Range;

/// A stable code of a fault in a route or in a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RouteCode {
    /// The condition cannot be read.
    Syntax,
    /// The condition is too long or too deep.
    TooComplex,
    /// There is no such field in the family.
    UnknownField,
    /// A field is compared with something of another kind.
    TypeMismatch,
    /// A field with a closed list of values is compared with none of them.
    UnknownValue,
    /// There is no such family.
    UnknownFamily,
    /// There is no such target.
    UnknownTarget,
    /// Two routes have one name.
    DuplicateName,
    /// The name is empty, or holds a character that idempotency keys are divided by.
    BadName,
    /// A partner route does not say which partner.
    MissingPartner,
    /// A Floworx route does not say which specification.
    MissingSpecification,
    /// The target does not take this family.
    TargetNotForFamily,
    /// A setting that the target does not use.
    UnusedSetting,
    /// A field is listed twice.
    DuplicateField,
}

impl RouteCode {
    /// Every code.
    pub const ALL: [Self; 14] = [
        Self::Syntax,
        Self::TooComplex,
        Self::UnknownField,
        Self::TypeMismatch,
        Self::UnknownValue,
        Self::UnknownFamily,
        Self::UnknownTarget,
        Self::DuplicateName,
        Self::BadName,
        Self::MissingPartner,
        Self::MissingSpecification,
        Self::TargetNotForFamily,
        Self::UnusedSetting,
        Self::DuplicateField,
    ];

    /// The number that people search for.
    pub const fn number(self) -> &'static str {
        match self {
            Self::Syntax => "HUB-1040",
            Self::TooComplex => "HUB-1041",
            Self::UnknownField => "HUB-1042",
            Self::TypeMismatch => "HUB-1043",
            Self::UnknownValue => "HUB-1044",
            Self::UnknownFamily => "HUB-1045",
            Self::UnknownTarget => "HUB-1046",
            Self::DuplicateName => "HUB-1047",
            Self::BadName => "HUB-1048",
            Self::MissingPartner => "HUB-1049",
            Self::MissingSpecification => "HUB-1050",
            Self::TargetNotForFamily => "HUB-1051",
            Self::UnusedSetting => "HUB-1052",
            Self::DuplicateField => "HUB-1053",
        }
    }

    /// The code's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::TooComplex => "too_complex",
            Self::UnknownField => "unknown_field",
            Self::TypeMismatch => "type_mismatch",
            Self::UnknownValue => "unknown_value",
            Self::UnknownFamily => "unknown_family",
            Self::UnknownTarget => "unknown_target",
            Self::DuplicateName => "duplicate_name",
            Self::BadName => "bad_name",
            Self::MissingPartner => "missing_partner",
            Self::MissingSpecification => "missing_specification",
            Self::TargetNotForFamily => "target_not_for_family",
            Self::UnusedSetting => "unused_setting",
            Self::DuplicateField => "duplicate_field",
        }
    }
}

impl fmt::Display for RouteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

/// Which setting of a route a fault is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoutePart {
    /// `name`.
    Name,
    /// `family`.
    Family,
    /// `when`.
    When,
    /// `target`.
    Target,
    /// `partner`.
    Partner,
    /// This entry of `fields`, counted from 0.
    Field(usize),
    /// `specification`.
    Specification,
}

/// A fault in a route. It displays as one sentence that names the route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("route {route:?} {message}")]
pub struct RouteError {
    /// What kind of fault.
    pub code: RouteCode,
    /// The route's place in the list, from 0.
    pub index: usize,
    /// The route's name.
    pub route: String,
    /// The setting at fault.
    pub part: RoutePart,
    /// Where in the setting's text, in bytes.
    pub span: Option<Range<usize>>,
    /// What is wrong, to be read after the route's name.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// The candidate that is most like `text`, if any is like it at all.
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (text.chars().count() / 3).max(1);
    let lower = text.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The help line that names the nearest candidate, or else all of a short list.
pub(crate) fn nearest_help(text: &str, candidates: &[&str]) -> Option<String> {
    nearest(text, candidates.iter().copied()).map(|found| format!("nearest: {found:?}")).or_else(|| {
        (!candidates.is_empty() && candidates.len() <= 12).then(|| format!("one of: {}", candidates.join(", ")))
    })
}
