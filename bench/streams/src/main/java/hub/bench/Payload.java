package hub.bench;

import java.util.List;

/** The fields of an order that a route lets through, as one JSON object. */
final class Payload {
    private static final byte[] OPEN = Buffer.utf8("{\"order\":{");
    private static final byte[] CLOSE = Buffer.utf8("}}");
    private static final byte[] ID = Json.name("id");
    private static final byte[] EXTERNAL_ID = Json.name("external_id");
    private static final byte[] CATEGORY = Json.name("category");
    private static final byte[] PRIORITY = Json.name("priority");
    private static final byte[] CHANNEL = Json.name("channel");
    private static final byte[] STATE = Json.name("state");
    private static final byte[] CUSTOMER = Json.name("customer_id");
    private static final byte[] ACCOUNT = Json.name("billing_account_id");
    private static final byte[] CIRCLE = Json.name("circle");
    private static final byte[] TOTAL_PRICE = Json.name("total_price");
    private static final byte[] AMOUNT = Json.name("amount");
    private static final byte[] CURRENCY = Json.name("currency");
    private static final byte[] ITEMS = Json.name("items");
    private static final byte[] CREATION = Json.name("creation_date");
    private static final byte[] COMPLETION = Json.name("completion_date");
    private static final byte[] CANCELLATION = Json.name("cancellation_date");
    private static final byte[] REASON = Json.name("cancellation_reason");
    private static final byte[] REQUESTED_START = Json.name("requested_start_date");
    private static final byte[] REQUESTED_COMPLETION = Json.name("requested_completion_date");
    private static final byte[] NO_MILESTONES = Buffer.utf8(",\"milestones\":[]");
    private static final byte[] ACTION = Json.name("action");
    private static final byte[] QUANTITY = Json.name("quantity");
    private static final byte[] OFFERING = Json.name("offering_id");
    private static final byte[] PRODUCT = Json.name("product_id");
    private static final byte[] PARTNER = Json.name("partner_id");
    private static final byte[] PRICE = Json.name("price");

    private final Json json = new Json();

    Json billing(Order order) {
        open(order);
        json.field(EXTERNAL_ID, order.texts[Order.EXTERNAL_ID]);
        json.field(CATEGORY, order.texts[Order.CATEGORY]);
        json.field(STATE, States.name(order.state));
        json.field(CUSTOMER, order.texts[Order.CUSTOMER]);
        json.field(ACCOUNT, order.texts[Order.ACCOUNT]);
        json.field(CIRCLE, order.texts[Order.CIRCLE]);
        money(TOTAL_PRICE, order.price);
        items(order.items, null);
        json.time(CREATION, order.dates[Order.CREATION]);
        json.time(COMPLETION, order.dates[Order.COMPLETION]);
        json.time(CANCELLATION, order.dates[Order.CANCELLATION]);
        json.field(REASON, order.texts[Order.CANCELLATION_REASON]);
        return close();
    }

    Json floworx(Order order) {
        open(order);
        json.field(EXTERNAL_ID, order.texts[Order.EXTERNAL_ID]);
        json.field(CATEGORY, order.texts[Order.CATEGORY]);
        json.field(PRIORITY, order.texts[Order.PRIORITY]);
        json.field(CHANNEL, order.texts[Order.CHANNEL]);
        json.field(CUSTOMER, order.texts[Order.CUSTOMER]);
        json.field(CIRCLE, order.texts[Order.CIRCLE]);
        json.time(REQUESTED_START, order.dates[Order.REQUESTED_START]);
        json.time(REQUESTED_COMPLETION, order.dates[Order.REQUESTED_COMPLETION]);
        items(order.items, null);
        return close();
    }

    /** A partner sees the items that it owns, no others. */
    Json partner(Order order, String partner) {
        open(order);
        json.field(STATE, States.name(order.state));
        json.field(CATEGORY, order.texts[Order.CATEGORY]);
        json.field(CIRCLE, order.texts[Order.CIRCLE]);
        json.time(REQUESTED_COMPLETION, order.dates[Order.REQUESTED_COMPLETION]);
        items(order.items, partner);
        return close();
    }

    Json notification(Order order) {
        open(order);
        json.field(STATE, States.name(order.state));
        json.field(CUSTOMER, order.texts[Order.CUSTOMER]);
        json.time(COMPLETION, order.dates[Order.COMPLETION]);
        json.put(NO_MILESTONES);
        return close();
    }

    private void open(Order order) {
        json.clear();
        json.put(OPEN);
        json.field(ID, order.id);
    }

    private Json close() {
        json.put(CLOSE);
        return json;
    }

    /** The items of this owner; all of them for none. */
    private void items(List<Item> items, String owner) {
        json.start(ITEMS);
        json.put('[');
        boolean any = false;
        for (Item item : items) {
            if (owner == null || owner.equals(item.partner)) {
                if (any) {
                    json.put(',');
                }
                any = true;
                item(item);
            }
        }
        json.put(']');
    }

    private void item(Item item) {
        json.put('{');
        json.field(ID, item.id);
        json.field(ACTION, States.action(item.action));
        json.field(STATE, States.name(item.state));
        if (item.quantity != AvroWriter.ABSENT) {
            json.start(QUANTITY);
            json.whole(item.quantity);
        }
        json.field(OFFERING, item.offering);
        json.field(PRODUCT, item.product);
        json.field(PARTNER, item.partner);
        money(PRICE, item.price);
        json.put('}');
    }

    private void money(byte[] name, Money money) {
        if (money != null) {
            json.start(name);
            json.put('{');
            json.start(AMOUNT);
            json.decimal(money.micros());
            json.start(CURRENCY);
            json.string(money.currency());
            json.put('}');
        }
    }
}
