//! What catalog and partners add to an order's items.

use schemas::Timestamp;
use topology::Context;

use crate::entity::catalog::{Found, find};
use crate::entity::{Flag, partner};

use super::{OrderRecord, Orders};

/// The name, among an item's further fields, of what billing calls its offering. That it is there
/// also says that the catalog was asked.
pub(super) const SEEN_IN_CATALOG: &str = "billingCode";

impl Orders {
    /// Gives each item that the catalog was not asked about yet its owner and billing code, and the
    /// order its class, from the version that was valid when the order was created.
    pub(super) fn enrich(&self, context: &mut Context<'_>, state: &mut OrderRecord) {
        let created = state.created_at.unwrap_or(Timestamp(0));
        let mut is_unknown = false;
        for item in &mut state.order.items {
            let Some(offering_id) = &item.offering_id else { continue };
            if item.extra.contains_key(SEEN_IN_CATALOG) {
                continue;
            }
            let offering = match find(context, self.catalog, offering_id, created) {
                Found::Valid(offering) => offering,
                Found::OtherTime(offering) => {
                    state.head.set(Flag::OfferingNotValid, true);
                    offering
                }
                Found::Nothing => {
                    is_unknown = true;
                    continue;
                }
            };
            if item.partner_id.is_none() {
                item.partner_id = offering.partner_id;
            }
            if state.class.is_none() {
                state.class = offering.sla_class;
            }
            let code = offering.billing_code.unwrap_or_default();
            item.extra.insert(SEEN_IN_CATALOG, &serde_json::Value::from(code).to_string());
            if let Some(partner_id) = &item.partner_id
                && !partner::is_known(context, self.partners, partner_id)
            {
                state.head.set(Flag::PartnerUnknown, true);
            }
        }
        state.head.set(Flag::OfferingUnknown, is_unknown);
    }
}
