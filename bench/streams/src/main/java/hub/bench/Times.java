package hub.bench;

import java.util.Arrays;
import java.util.Objects;

/** When each group of an order's attributes was last set, and merging by it: the later word stands, by when it happened. */
final class Times {
    private static final long NEVER = Long.MIN_VALUE;

    private long dates = NEVER;
    private long customer = NEVER;
    private long details = NEVER;
    /** Each item, in the order of the items. */
    private long[] items = {};

    /** What the last merge did: something is different now; something came too late to count. */
    boolean any;
    boolean late;

    /** The group at hand. */
    private boolean isNamed;
    private boolean isLater;

    /** Merges a patch that happened at this time. */
    void merge(Order own, OrderEvent event, long at) {
        Order patch = event.order;
        any = false;
        late = false;
        begin(at, dates);
        for (int date = 0; date < Order.DATES; date++) {
            own.dates[date] = pick(own.dates[date], patch.dates[date]);
        }
        texts(own, patch, Order.CANCELLATION_REASON, Order.CANCELLATION_REASON);
        dates = end(at, dates);
        begin(at, customer);
        texts(own, patch, Order.CUSTOMER, Order.CIRCLE);
        customer = end(at, customer);
        begin(at, details);
        texts(own, patch, Order.CATEGORY, Order.CHANNEL);
        texts(own, patch, Order.EXTERNAL_ID, Order.EXTERNAL_ID);
        own.price = pick(own.price, patch.price);
        details = end(at, details);
        for (Item item : patch.items) {
            merge(own, item, at);
        }
        any |= event.hasMore;
        own.id = patch.id;
    }

    private void merge(Order order, Item patch, long at) {
        int index = 0;
        while (index < order.items.size() && !order.items.get(index).id.equals(patch.id)) {
            index++;
        }
        if (index == order.items.size()) {
            order.items.add(patch);
            items = Arrays.copyOf(items, index + 1);
            items[index] = at;
            any = true;
            return;
        }
        Item own = order.items.get(index);
        begin(at, items[index]);
        // An item that has ended stays so, like its order.
        if (patch.state != States.NONE && patch.state != own.state) {
            if (own.state == States.NONE || isLater && !States.isTerminal(own.state)) {
                own.state = patch.state;
                any = true;
            } else {
                late = true;
            }
        }
        own.action = (int) pick(own.action, patch.action, States.NONE);
        own.quantity = pick(own.quantity, patch.quantity);
        own.offering = pick(own.offering, patch.offering);
        own.product = pick(own.product, patch.product);
        own.partner = pick(own.partner, patch.partner);
        own.price = pick(own.price, patch.price);
        items[index] = Math.max(items[index], at);
        if (patch.billingCode != null) {
            own.billingCode = patch.billingCode;
        }
    }

    private void begin(long at, long since) {
        isNamed = false;
        isLater = at >= since;
    }

    private long end(long at, long since) {
        return isNamed ? Math.max(since, at) : since;
    }

    private void texts(Order own, Order patch, int first, int last) {
        for (int text = first; text <= last; text++) {
            own.texts[text] = pick(own.texts[text], patch.texts[text]);
        }
    }

    private <T> T pick(T own, T patch) {
        return patch != null && takes(own == null, Objects.equals(own, patch)) ? patch : own;
    }

    private long pick(long own, long patch) {
        return pick(own, patch, AvroWriter.ABSENT);
    }

    private long pick(long own, long patch, long absent) {
        return patch != absent && takes(own == absent, own == patch) ? patch : own;
    }

    /** Whether the patch's word is taken: it is the later one, or nobody has said anything. */
    private boolean takes(boolean isUnsaid, boolean isSame) {
        isNamed = true;
        if (isSame) {
            return false;
        }
        boolean takes = isLater || isUnsaid;
        any |= takes;
        late |= !takes;
        return takes;
    }

    /** When an item was last told of, if that was after this time; else absent. */
    long itemsAfter(long at) {
        long latest = AvroWriter.ABSENT;
        for (long item : items) {
            latest = Math.max(latest, item);
        }
        return latest > at ? latest : AvroWriter.ABSENT;
    }

    void write(AvroWriter out) {
        out.number(dates);
        out.number(customer);
        out.number(details);
        out.number(items.length);
        for (long item : items) {
            out.number(item);
        }
    }

    void read(AvroReader in) {
        dates = in.number();
        customer = in.number();
        details = in.number();
        items = new long[(int) in.number()];
        Arrays.setAll(items, index -> in.number());
    }
}
