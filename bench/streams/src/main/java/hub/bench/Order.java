package hub.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A product order, whole or in part: what is absent was not said. */
final class Order {
    /** Places of texts, in the schema's order. */
    static final int CATEGORY = 0;
    static final int PRIORITY = 1;
    static final int CHANNEL = 2;
    static final int CANCELLATION_REASON = 3;
    static final int EXTERNAL_ID = 4;
    static final int CUSTOMER = 5;
    static final int ACCOUNT = 6;
    static final int CIRCLE = 7;
    static final int TEXTS = 8;

    /** Places of dates, in the schema's order. */
    static final int CREATION = 0;
    static final int REQUESTED_START = 1;
    static final int REQUESTED_COMPLETION = 2;
    static final int EXPECTED_COMPLETION = 3;
    static final int COMPLETION = 4;
    static final int CANCELLATION = 5;
    static final int DATES = 6;

    String id;
    int state = States.NONE;
    final String[] texts = new String[TEXTS];
    final long[] dates = new long[DATES];
    Money price;
    final List<Item> items = new ArrayList<>(2);

    Order() {
        Arrays.fill(dates, AvroWriter.ABSENT);
    }

    /** All before the items: what an event and the state have in common. */
    void write(AvroWriter out) {
        out.text(id);
        out.optionalPlace(state);
        writeTexts(CATEGORY, CHANNEL, out);
        for (int date = 0; date < DATES; date++) {
            out.optional(dates[date]);
        }
        writeTexts(CANCELLATION_REASON, CIRCLE, out);
        Money.writeOptional(price, out);
    }

    private void writeTexts(int first, int last, AvroWriter out) {
        for (int text = first; text <= last; text++) {
            out.optional(texts[text]);
        }
    }

    static Order read(AvroReader in) {
        Order order = new Order();
        order.id = in.text();
        order.state = in.optionalPlace();
        order.readTexts(CATEGORY, CHANNEL, in);
        for (int date = 0; date < DATES; date++) {
            order.dates[date] = in.optionalNumber();
        }
        order.readTexts(CANCELLATION_REASON, CIRCLE, in);
        order.price = Money.readOptional(in);
        return order;
    }

    private void readTexts(int first, int last, AvroReader in) {
        for (int text = first; text <= last; text++) {
            texts[text] = in.optionalText();
        }
    }
}
