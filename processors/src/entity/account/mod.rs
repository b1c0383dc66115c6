//! What hangs on a billing account: the account itself (TMF666), bills (TMF678), payments and
//! refunds (TMF676). All of one account share a partition, so a refund finds its payment.

mod bill;
mod billing_account;
mod notice;
mod payment;

use std::sync::Arc;

use bytes::Bytes;
use schemas::{
    AccountChange, AccountEntityKind, AccountEvent, Bill, BillingAccount, Code, Envelope, Family as EventFamily,
    LifecycleFact, Timestamp,
};
use serde::{Deserialize, Serialize};
use topology::{
    Context, Fault, InitContext, Processor, Record, StoreHandle, Timer, TopologyError, TypedStore, Verdict,
};

use crate::route::Router;

use super::dedupe::Identity;
use super::fault::{dead_letter, undecodable};
use super::machine::Machine;
use super::reference::bare_fact;
use super::step::News;
use super::{Chance, Decision, Engine, EntitySettings, Family, Head, Label, Publisher, UnknownEntity};
pub(crate) use notice::is_autopay;
use payment::PaymentPart;

/// What is kept of a payment, refund, bill or billing account; the part that it is is set.
/// Positional: fields are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// The common beginning.
    pub head: Head,
    /// The billing account.
    pub account_id: String,
    /// When the entity was first seen.
    pub created_at: Option<Timestamp>,
    /// When its attributes were last set.
    pub since: Timestamp,
    /// A payment or refund.
    pub payment: Option<PaymentPart>,
    /// A bill.
    pub bill: Option<BillPart>,
    /// A billing account.
    pub billing_account: Option<BillingAccount>,
}

impl Default for AccountRecord {
    fn default() -> Self {
        Self {
            head: Head::default(),
            account_id: String::new(),
            created_at: None,
            since: Timestamp(i64::MIN),
            payment: None,
            bill: None,
            billing_account: None,
        }
    }
}

/// What is kept of a bill.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BillPart {
    /// Its place in its machine.
    pub machine: Machine<schemas::BillState>,
    /// The bill, merged; without unknown fields.
    pub bill: Bill,
    /// When it was first sent to the customer.
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
}

impl AccountRecord {
    fn fact(&self, kind: AccountEntityKind, id: &str) -> LifecycleFact {
        LifecycleFact {
            created_at: self.created_at,
            account_id: Some(self.account_id.clone()),
            ..bare_fact(EventFamily::Account, kind_name(kind), id, &self.head)
        }
    }

    /// What every applied event notes.
    fn note(&mut self, account_id: String, at: Timestamp, envelope: &Envelope) {
        if self.account_id.is_empty() || !names_no_account(envelope) {
            self.account_id = account_id;
        }
        self.created_at.get_or_insert(at);
    }
}

/// The family of billing accounts and what hangs on them.
pub struct Accounts {
    settings: EntitySettings,
    publisher: Publisher,
    states: TypedStore<AccountRecord>,
    /// Entities whose waiting events may go on.
    woken: Vec<Bytes>,
}

impl Family for Accounts {
    type State = AccountRecord;
    type Event = AccountEvent;

    const PART: &'static str = "entity.account";

    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.states = TypedStore::new(init.store(&Engine::<Self>::state_store())?);
        self.publisher.init(init)
    }

    fn head(state: &mut AccountRecord) -> &mut Head {
        &mut state.head
    }

    fn decode(&self, _topic: &str, value: &[u8]) -> Result<AccountEvent, Fault> {
        let event: AccountEvent = schemas::decode(value).map_err(|error| undecodable(&error))?;
        if entity_id(&event).is_none() {
            return Err(dead_letter(Code::MissingEntity, "the event does not hold the entity that its kind names"));
        }
        Ok(event)
    }

    fn label(&self, event: &AccountEvent) -> Label {
        Label {
            entity: entity_key(event.kind, entity_id(event).unwrap_or_default()),
            identity: Identity::of(&event.envelope),
            occurred_at: event.envelope.occurred_at,
        }
    }

    fn apply(
        &mut self,
        context: &mut Context<'_>,
        state: &mut AccountRecord,
        mut event: AccountEvent,
        chance: Chance,
    ) -> Result<Decision, Fault> {
        if let Some(payment) = event.payment.take() {
            self.apply_payment(context, state, event, payment, chance)
        } else if let Some(bill) = event.bill.take() {
            Ok(self.apply_bill(context, state, event, bill, chance))
        } else {
            let account = event.billing_account.take().unwrap_or_default();
            Ok(self.apply_billing_account(context, state, event, account))
        }
    }

    fn take_woken(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.woken)
    }
}

impl Accounts {
    /// What to do with an event of an entity whose creation never came. One that names no account is
    /// keyed by the entity's own id, perhaps far from what is known of the entity: to adopt it there
    /// would make a second one of the same name.
    fn unknown_entity(&self, envelope: &Envelope) -> UnknownEntity {
        if names_no_account(envelope) { UnknownEntity::Quarantine } else { self.settings.unknown_entity }
    }
}

fn names_no_account(envelope: &Envelope) -> bool {
    envelope.has_flag("account_unknown")
}

/// The key of an entity's state: ids are unique only within a kind.
fn entity_key(kind: AccountEntityKind, id: &str) -> Bytes {
    [kind_name(kind), ":", id].concat().into_bytes().into()
}

fn entity_id(event: &AccountEvent) -> Option<&str> {
    match event.kind {
        AccountEntityKind::BillingAccount => event.billing_account.as_ref().map(|account| account.id.as_str()),
        AccountEntityKind::Bill => event.bill.as_ref().map(|bill| bill.id.as_str()),
        AccountEntityKind::Payment | AccountEntityKind::Refund => {
            event.payment.as_ref().map(|payment| payment.id.as_str())
        }
    }
}

const fn kind_name(kind: AccountEntityKind) -> &'static str {
    match kind {
        AccountEntityKind::BillingAccount => "billing_account",
        AccountEntityKind::Bill => "bill",
        AccountEntityKind::Payment => "payment",
        AccountEntityKind::Refund => "refund",
    }
}

const fn news(change: AccountChange) -> News {
    match change {
        AccountChange::Created => News::Created,
        AccountChange::StateChanged => News::State,
        AccountChange::AttributeChanged => News::Attributes,
        AccountChange::Deleted => News::Notice,
    }
}

const fn change_name(change: AccountChange, moved: bool) -> &'static str {
    match change {
        AccountChange::Created => "created",
        AccountChange::StateChanged if moved => "state_changed",
        AccountChange::StateChanged | AccountChange::AttributeChanged => "attribute_changed",
        AccountChange::Deleted => "deleted",
    }
}

/// The processor of `entity.account`.
pub struct AccountProcessor {
    engine: Engine<Accounts>,
}

impl AccountProcessor {
    /// One for a task.
    pub fn new(settings: EntitySettings, routes: Arc<Router>) -> Self {
        let family = Accounts {
            settings: settings.clone(),
            publisher: Publisher::new(routes),
            states: TypedStore::new(StoreHandle::default()),
            woken: Vec::new(),
        };
        Self { engine: Engine::new(family, settings) }
    }
}

impl Processor for AccountProcessor {
    fn init(&mut self, init: &mut InitContext<'_>) -> Result<(), TopologyError> {
        self.engine.init(init)
    }

    fn process(&mut self, record: &Record, context: &mut Context<'_>) -> Result<Verdict, Fault> {
        self.engine.take(record, context)
    }

    fn on_timer(&mut self, timer: &Timer, context: &mut Context<'_>) -> Result<(), Fault> {
        self.engine.on_timer(timer, context)
    }
}
