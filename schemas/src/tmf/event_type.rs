//! Event types: what an event is about and what it tells, in any spelling (traps T3, T6, T7).

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    ProductOrder,
    CancelProductOrder,
    TroubleTicket,
    Payment,
    Refund,
    CustomerBill,
    BillingAccount,
    Customer,
    ProductOffering,
    Organization,
    PartyRole,
    ProcessFlow,
    TaskFlow,
}

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    AttributeValueChange,
    StateChange,
    Delete,
    InformationRequired,
    Milestone,
    JeopardyAlert,
    ErrorMessage,
    Resolved,
}

/// A known event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EventType {
    pub(super) resource: Resource,
    pub(super) verb: Verb,
}

/// Each resource with its name in lower case, in payloads and in event types.
const RESOURCES: [(&str, Resource, &str, &str); 13] = [
    ("productorder", Resource::ProductOrder, "productOrder", "ProductOrder"),
    ("cancelproductorder", Resource::CancelProductOrder, "cancelProductOrder", "CancelProductOrder"),
    ("troubleticket", Resource::TroubleTicket, "troubleTicket", "TroubleTicket"),
    ("payment", Resource::Payment, "payment", "Payment"),
    ("refund", Resource::Refund, "refund", "Refund"),
    ("customerbill", Resource::CustomerBill, "customerBill", "CustomerBill"),
    ("billingaccount", Resource::BillingAccount, "billingAccount", "BillingAccount"),
    ("customer", Resource::Customer, "customer", "Customer"),
    ("productoffering", Resource::ProductOffering, "productOffering", "ProductOffering"),
    ("organization", Resource::Organization, "organization", "Organization"),
    ("partyrole", Resource::PartyRole, "partyRole", "PartyRole"),
    ("processflow", Resource::ProcessFlow, "processFlow", "ProcessFlow"),
    ("taskflow", Resource::TaskFlow, "taskFlow", "TaskFlow"),
];

/// Longer than any event type of the table.
const NAME_BYTES_MAX: usize = 64;

impl EventType {
    /// Reads an event type in any letter case, with or without its suffix.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut buffer = [0; NAME_BYTES_MAX];
        let lower = buffer.get_mut(..text.len())?;
        lower.copy_from_slice(text.as_bytes());
        lower.make_ascii_lowercase();
        let lower = std::str::from_utf8(lower).ok()?;
        let stem = lower.strip_suffix("event").or_else(|| lower.strip_suffix("notification")).unwrap_or(lower);
        RESOURCES.iter().find_map(|&(prefix, resource, ..)| {
            let verb = Verb::parse(stem.strip_prefix(prefix)?)?;
            resource.tells(verb).then_some(Self { resource, verb })
        })
    }

    /// The name in TMF's UpperCamel spelling.
    pub(super) fn canonical(self) -> String {
        [self.resource.upper_camel(), self.verb.upper_camel(self.resource), "Event"].concat()
    }
}

impl Resource {
    fn row(self) -> &'static (&'static str, Resource, &'static str, &'static str) {
        RESOURCES.iter().find(|row| row.1 == self).expect("the table has every resource: a test looks for each")
    }

    /// The name of the entity's field in a payload.
    pub(super) fn lower_camel(self) -> &'static str {
        self.row().2
    }

    fn upper_camel(self) -> &'static str {
        self.row().3
    }

    /// Whether the resource has events that tell this.
    fn tells(self, verb: Verb) -> bool {
        match verb {
            Verb::Create | Verb::StateChange => true,
            Verb::AttributeValueChange | Verb::Delete => self != Self::CancelProductOrder,
            Verb::InformationRequired => {
                matches!(self, Self::ProductOrder | Self::CancelProductOrder | Self::TroubleTicket | Self::TaskFlow)
            }
            Verb::Milestone | Verb::JeopardyAlert | Verb::ErrorMessage => self == Self::ProductOrder,
            Verb::Resolved => self == Self::TroubleTicket,
        }
    }
}

impl Verb {
    fn parse(lower: &str) -> Option<Self> {
        Some(match lower {
            "create" | "creation" => Self::Create,
            "attributevaluechange" | "attributechange" | "change" => Self::AttributeValueChange,
            "statechange" | "statuschange" => Self::StateChange,
            "delete" | "remove" => Self::Delete,
            "informationrequired" => Self::InformationRequired,
            "milestone" | "milestonestatechange" => Self::Milestone,
            "jeopardyalert" | "jeopardy" => Self::JeopardyAlert,
            "errormessage" => Self::ErrorMessage,
            "resolved" => Self::Resolved,
            _ => return None,
        })
    }

    fn upper_camel(self, resource: Resource) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::AttributeValueChange => "AttributeValueChange",
            Self::StateChange if resource == Resource::TroubleTicket => "StatusChange",
            Self::StateChange => "StateChange",
            Self::Delete => "Delete",
            Self::InformationRequired => "InformationRequired",
            Self::Milestone => "Milestone",
            Self::JeopardyAlert => "JeopardyAlert",
            Self::ErrorMessage => "ErrorMessage",
            Self::Resolved => "Resolved",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_names_parse_to_themselves() {
        let verbs = [
            Verb::Create,
            Verb::AttributeValueChange,
            Verb::StateChange,
            Verb::Delete,
            Verb::InformationRequired,
            Verb::Milestone,
            Verb::JeopardyAlert,
            Verb::ErrorMessage,
            Verb::Resolved,
        ];
        for (_, resource, ..) in RESOURCES {
            for verb in verbs.into_iter().filter(|&verb| resource.tells(verb)) {
                let kind = EventType { resource, verb };
                assert_eq!(EventType::parse(&kind.canonical()), Some(kind));
            }
        }
    }

    #[test]
    fn neighbours_are_not_mistaken() {
        for text in [
            "CustomerBillOnDemandCreateEvent",
            "TroubleTicketSpecificationCreateEvent",
            "PaymentMethodCreateEvent",
            "ProductOfferingPriceCreateEvent",
            "CXJAD",
            "",
            "Event",
            "PaymentMilestoneEvent",
            "Größe",
        ] {
            assert_eq!(EventType::parse(text), None, "{text}");
        }
    }
}
