package hub.bench;

/** One item of an order, whole or in part. */
final class Item {
    /** The name among an item's further fields that also says that the catalog was asked. */
    static final byte[] BILLING_CODE = Buffer.utf8("billingCode");

    String id;
    int action = States.NONE;
    int state = States.NONE;
    long quantity = AvroWriter.ABSENT;
    String offering;
    String product;
    String partner;
    Money price;
    /** JSON text; null while the catalog was not asked. */
    String billingCode;
    /** Only while the item is read from JSON. */
    Extras extra;

    /** All but the further fields: what an event and the state have in common. */
    void write(AvroWriter out) {
        out.text(id);
        out.optionalPlace(action);
        out.optionalPlace(state);
        out.optional(quantity);
        out.optional(offering);
        out.optional(product);
        out.optional(partner);
        Money.writeOptional(price, out);
    }

    static Item read(AvroReader in) {
        Item item = new Item();
        item.id = in.text();
        item.action = in.optionalPlace();
        item.state = in.optionalPlace();
        item.quantity = in.optionalNumber();
        item.offering = in.optionalText();
        item.product = in.optionalText();
        item.partner = in.optionalText();
        item.price = Money.readOptional(in);
        return item;
    }
}
