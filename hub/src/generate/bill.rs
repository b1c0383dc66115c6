//! Billing accounts, bills, payments and refunds: plans and events (TMF666, 678, 676).

use schemas::{BillState, PaymentState};

use super::dice::Dice;
use super::emit::{Scene, Stamp, party_list, push_id};
use super::envelope::{Places, System};
use super::flow::{Flow, Planned, Step};
use super::world::Customer;

/// An event of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccountStep {
    Create,
    /// `paymentStatus` becomes in arrears (true) or paid (false).
    Arrears(bool),
    Bill(BillState),
    /// The number tells the payments of one flow apart.
    Payment(u8, PaymentState),
    Refund(PaymentState),
}

const SYSTEM: System = System { id: "jcms-billing", name: "Billing" };
const PAYMENTS: System = System { id: "jcms-payment", name: "Payments" };
const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
/// A flow has at most this many payments; their ids are made of the flow's number and theirs.
const PAYMENTS_PER_FLOW: u64 = 4;

struct Plan<'a> {
    steps: Vec<Planned>,
    dice: &'a mut Dice,
}

impl Plan<'_> {
    fn after(&mut self, seconds: u64, step: AccountStep) {
        let seconds = self.dice.between(seconds / 2, seconds + seconds / 2);
        self.steps.push((seconds as u32, Step::Account(step)));
    }

    /// A payment that goes well.
    fn payment(&mut self, seconds: u64, number: u8) {
        use PaymentState::*;
        self.after(seconds, AccountStep::Payment(number, PendingAuthorization));
        for state in [Authorized, Captured, Done] {
            self.after(2 * MINUTE, AccountStep::Payment(number, state));
        }
    }

    /// A payment that does not.
    fn failed_payment(&mut self, seconds: u64, number: u8) {
        use PaymentState::*;
        self.after(seconds, AccountStep::Payment(number, PendingAuthorization));
        let end = match self.dice.below(4) {
            0 => Denied,
            1 => Failed,
            2 => Canceled,
            _ => {
                self.after(MINUTE, AccountStep::Payment(number, Authorized));
                Failed
            }
        };
        self.after(MINUTE, AccountStep::Payment(number, end));
    }

    fn refund(&mut self, seconds: u64) {
        use PaymentState::*;
        self.after(seconds, AccountStep::Refund(PendingAuthorization));
        for state in [Authorized, Captured, Done] {
            self.after(5 * MINUTE, AccountStep::Refund(state));
        }
    }
}

/// A plan for a bill from its making to the last payment.
pub(super) fn bill_plan(dice: &mut Dice) -> Vec<Planned> {
    use BillState::*;
    let course = dice.below(100);
    let mut plan = Plan { steps: Vec::with_capacity(16), dice };
    plan.after(0, AccountStep::Bill(New));
    if course < 5 {
        plan.after(10 * MINUTE, AccountStep::Bill(OnHold));
    }
    plan.after(20 * MINUTE, AccountStep::Bill(Validated));
    plan.after(10 * MINUTE, AccountStep::Bill(Sent));
    let mut number = 0;
    if (5..15).contains(&course) {
        plan.failed_payment(HOUR, number);
        number += 1;
        if course < 8 {
            plan.after(HOUR, AccountStep::Arrears(true));
        }
    }
    if (20..45).contains(&course) {
        plan.payment(HOUR, number);
        number += 1;
        plan.after(MINUTE, AccountStep::Bill(PartiallyPaid));
    }
    plan.payment(2 * HOUR, number);
    plan.after(MINUTE, AccountStep::Bill(Settled));
    if (5..8).contains(&course) {
        plan.after(MINUTE, AccountStep::Arrears(false));
    }
    if course >= 97 {
        plan.refund(HOUR);
    }
    plan.steps
}

/// A plan for a payment in advance, without a bill.
pub(super) fn top_up_plan(dice: &mut Dice) -> Vec<Planned> {
    let course = dice.below(100);
    let mut plan = Plan { steps: Vec::with_capacity(8), dice };
    if course < 6 {
        plan.failed_payment(0, 0);
    } else {
        plan.payment(0, 0);
    }
    if course >= 96 {
        plan.refund(HOUR);
    }
    plan.steps
}

const fn bill_state_name(state: BillState) -> &'static str {
    match state {
        BillState::New => "new",
        BillState::OnHold => "onHold",
        BillState::Validated => "validated",
        BillState::Sent => "sent",
        BillState::PartiallyPaid => "partiallyPaid",
        BillState::Settled => "settled",
    }
}

const fn payment_state_name(state: PaymentState, v5: bool) -> &'static str {
    match state {
        PaymentState::PendingAuthorization => "pendingAuthorization",
        PaymentState::Authorized => "authorized",
        PaymentState::Captured => "captured",
        PaymentState::Done => "done",
        PaymentState::Failed => "failed",
        // Both spellings are met (trap T14).
        PaymentState::Canceled if v5 => "cancelled",
        PaymentState::Canceled => "canceled",
        PaymentState::Denied => "denied",
    }
}

/// What is owed in this flow, in hundredths of a rupee.
const fn amount_due(flow: &Flow) -> u64 {
    19_900 + (flow.bits >> 20) % 200_000
}

fn is_bill(flow: &Flow) -> bool {
    matches!(flow.plan.first(), Some((_, Step::Account(AccountStep::Bill(_)))))
}

fn has_part_payment(flow: &Flow) -> bool {
    let part = AccountStep::Bill(BillState::PartiallyPaid);
    flow.plan.iter().any(|(_, step)| matches!(step, Step::Account(step) if *step == part))
}

/// What one payment of this flow is about: a part first and the rest then, or everything.
fn payment_amount(flow: &Flow) -> u64 {
    let due = amount_due(flow);
    if has_part_payment(flow) { due / 2 } else { due }
}

pub(super) fn render(scene: &mut Scene, flow: &Flow, step: AccountStep, stamp: Stamp) -> Places {
    use AccountStep::*;
    let (event_type, resource, system) = match step {
        Create => ("BillingAccountCreateEvent", "billingAccount", SYSTEM),
        Arrears(_) => ("BillingAccountAttributeValueChangeEvent", "billingAccount", SYSTEM),
        Bill(BillState::New) => ("CustomerBillCreateEvent", "customerBill", SYSTEM),
        Bill(_) => ("CustomerBillStateChangeEvent", "customerBill", SYSTEM),
        Payment(_, PaymentState::PendingAuthorization) => ("PaymentCreateEvent", "payment", PAYMENTS),
        // Components name it after the attribute (trap T6).
        Payment(..) if flow.lower_camel => ("PaymentStatusChangeEvent", "payment", PAYMENTS),
        Payment(..) => ("PaymentStateChangeEvent", "payment", PAYMENTS),
        Refund(PaymentState::PendingAuthorization) => ("RefundCreateEvent", "refund", PAYMENTS),
        Refund(_) => ("RefundStateChangeEvent", "refund", PAYMENTS),
    };
    let head = stamp.head(scene, flow, event_type, resource, "Revenue", system);
    scene.event(&head, stamp.spelling, |scene| match step {
        Create => account(scene, flow, stamp),
        Arrears(open) => {
            account_identity(scene, flow);
            let status = if open { "in arrears" } else { "paid" };
            let text = scene.text.raw(",\"paymentStatus\":\"").raw(status);
            text.raw("\",\"lastModified\":\"").time(stamp.occurred_at).raw("\"");
        }
        Bill(state) => bill(scene, flow, state, stamp),
        Payment(number, state) => payment(scene, flow, Some(number), state, stamp),
        Refund(state) => payment(scene, flow, None, state, stamp),
    })
}

fn account_identity(scene: &mut Scene, flow: &Flow) {
    scene.text.raw("\"id\":\"");
    push_id(scene, "BA", flow.customer);
    scene.text.raw("\",\"href\":\"https://jcms.example/tmf-api/accountManagement/v4/");
    scene.text.raw("billingAccount\",\"@type\":\"BillingAccount\"");
}

fn account(scene: &mut Scene, flow: &Flow, stamp: Stamp) {
    let postpaid = Customer::new(scene.seed, flow.customer).is_postpaid();
    account_identity(scene, flow);
    let text = scene.text.raw(",\"name\":\"Main account\",\"accountType\":\"individual\"");
    text.raw(",\"state\":\"Active\",\"paymentStatus\":\"paid\",\"ratingType\":\"");
    text.raw(if postpaid { "postpaid" } else { "prepaid" });
    text.raw("\",\"lastModified\":\"").time(stamp.occurred_at).raw("\"");
    party_list(scene, flow);
}

fn account_ref(scene: &mut Scene, flow: &Flow, name: &str) {
    scene.text.raw(",\"").raw(name).raw("\":{\"id\":\"");
    push_id(scene, "BA", flow.customer);
    scene.text.raw("\",\"@type\":\"AccountRef\",\"@referredType\":\"BillingAccount\"}");
}

fn money(scene: &mut Scene, stamp: Stamp, name: &str, hundredths: u64) {
    let text = scene.text.raw(",\"").raw(name).raw("\":{\"unit\":\"");
    text.raw(stamp.spelling.currency()).raw("\",\"value\":").amount(hundredths).raw("}");
}

fn bill(scene: &mut Scene, flow: &Flow, state: BillState, stamp: Stamp) {
    scene.text.raw("\"id\":\"");
    push_id(scene, "BILL", flow.number);
    scene.text.raw("\",\"href\":\"https://jcms.example/tmf-api/customerBillManagement/customerBill");
    scene.text.raw("\",\"@type\":\"CustomerBill\",\"billNo\":\"");
    push_id(scene, "B", flow.number);
    // The schema says state, official examples say status (trap T6).
    scene.text.raw(if flow.v5 { "\",\"state\":\"" } else { "\",\"status\":\"" });
    scene.text.raw(bill_state_name(state)).raw(stamp.spelling.enum_end());
    account_ref(scene, flow, "billingAccount");
    let due = amount_due(flow);
    let remaining = match state {
        BillState::Settled => 0,
        BillState::PartiallyPaid => due - payment_amount(flow),
        _ => due,
    };
    money(scene, stamp, "remainingAmount", remaining);
    if state == BillState::New {
        money(scene, stamp, "amountDue", due);
        money(scene, stamp, "taxIncludedAmount", due);
        let payable = flow.created + scene.scaled(15 * 86_400);
        let text = scene.text.raw(",\"category\":\"normal\",\"billDate\":\"").time(flow.created);
        text.raw("\",\"paymentDueDate\":\"").time(payable).raw("\"");
        party_list(scene, flow);
    }
}

/// A payment, or the refund of the flow's first payment when it has no `number`.
fn payment(scene: &mut Scene, flow: &Flow, number: Option<u8>, state: PaymentState, stamp: Stamp) {
    let payments = flow.number * PAYMENTS_PER_FLOW;
    scene.text.raw("\"id\":\"");
    match number {
        Some(number) => push_id(scene, "PAY", payments + u64::from(number)),
        None => push_id(scene, "REF", flow.number),
    }
    let (kind, correlator) = if number.is_some() { ("Payment", "pc") } else { ("Refund", "rc") };
    let text = scene.text.raw("\",\"href\":\"https://jcms.example/tmf-api/payment/v4\",\"@type\":\"");
    text.raw(kind).raw("\",\"correlatorId\":\"").raw(correlator);
    text.number(payments + u64::from(number.unwrap_or(0)));
    text.raw("\",\"status\":\"").raw(payment_state_name(state, flow.v5));
    text.raw(stamp.spelling.enum_end()).raw(",\"statusDate\":\"").time(stamp.occurred_at).raw("\"");
    account_ref(scene, flow, "account");
    if state != PaymentState::PendingAuthorization {
        return;
    }
    let amount = payment_amount(flow);
    money(scene, stamp, "totalAmount", amount);
    money(scene, stamp, "amount", amount);
    scene.text.raw(",\"paymentDate\":\"").time(stamp.occurred_at);
    scene.text.raw("\",\"channel\":{\"id\":\"1\",\"name\":\"App\"},\"paymentMethod\":{\"id\":\"PM-");
    scene.text.number(flow.customer).raw("\",\"@referredType\":\"TokenizedCard\"}");
    if number.is_none() {
        scene.text.raw(",\"payment\":{\"id\":\"");
        // The last payment of a flow is the one that went well.
        push_id(scene, "PAY", payments + last_payment(flow));
        scene.text.raw("\",\"@referredType\":\"Payment\"}");
    } else if is_bill(flow) {
        scene.text.raw(",\"paymentItem\":[{\"id\":\"1\",\"item\":{\"id\":\"");
        push_id(scene, "BILL", flow.number);
        scene.text.raw("\",\"@referredType\":\"CustomerBill\"}}]");
    }
    party_list(scene, flow);
}

fn last_payment(flow: &Flow) -> u64 {
    let numbers = flow.plan.iter().filter_map(|(_, step)| match step {
        Step::Account(AccountStep::Payment(number, _)) => Some(u64::from(*number)),
        _ => None,
    });
    numbers.max().unwrap_or(0)
}
