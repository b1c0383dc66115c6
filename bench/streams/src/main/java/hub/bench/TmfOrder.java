package hub.bench;

import java.io.IOException;

/** Reads a TMF622 event: its envelope and its order become a canonical event, all else is kept as it came. */
final class TmfOrder {
    private final JsonFields json = new JsonFields();
    private final TmfParts parts = new TmfParts(json);
    private final TmfPrices prices = new TmfPrices(json);

    private byte[] bytes;
    private OrderEvent event;
    private Order order;
    private Extras envelopeExtra;
    private Extras orderExtra;
    private String circle;
    private Money total;
    private long orderDate;

    /** Reads an event and writes its frame; the order's id is its key. */
    String read(byte[] bytes, long now, AvroWriter out) {
        if (CardGuard.hasCardNumber(bytes)) {
            throw new Refused("card_data");
        }
        this.bytes = bytes;
        event = new OrderEvent();
        order = null;
        envelopeExtra = new Extras();
        orderExtra = new Extras();
        circle = null;
        total = null;
        orderDate = AvroWriter.ABSENT;
        prices.begin(event);
        try {
            json.open(bytes);
            readEnvelope(now);
            json.close();
        } catch (IOException fault) {
            throw new Refused("invalid_json");
        }
        event.write(out, bytes, envelopeExtra, orderExtra);
        return order.id;
    }

    /** When what was read last happened. */
    long occurredAt() {
        return event.occurredAt;
    }

    private void readEnvelope(long now) throws IOException {
        String type = null;
        String schemaType = null;
        String source = null;
        long occurred = AvroWriter.ABSENT;
        long misspelt = AvroWriter.ABSENT;
        event.eventTime = AvroWriter.ABSENT;
        event.ingestedAt = now;
        String field;
        while ((field = json.next()) != null) {
            switch (field) {
                case "eventId" -> event.eventId = json.text();
                case "eventType" -> type = json.text();
                case "eventTime" -> event.eventTime = json.instant();
                case "timeOccurred" -> occurred = json.instant();
                case "timeOcurred" -> misspelt = json.instant();
                case "correlationId" -> event.correlationId = json.text();
                case "@type" -> schemaType = json.textIfAny();
                case "reportingSystem" -> event.source = orEmpty(parts.reference(field, envelopeExtra));
                case "source" -> source = parts.reference(field, envelopeExtra);
                case "event" -> readPayload();
                default -> json.keep(field, envelopeExtra);
            }
        }
        if (event.eventId == null || type == null || order == null) {
            throw new Refused("missing_field");
        }
        EventKind kind = EventKind.parse(type);
        if (kind == null) {
            throw new Refused("unknown_event_type");
        }
        event.eventType = kind.name();
        event.change = kind.change();
        if (event.source.isEmpty()) {
            event.source = orEmpty(source);
        }
        if (event.eventTime == AvroWriter.ABSENT) {
            event.flag("no_event_time");
            event.eventTime = now;
        }
        occurred = occurred == AvroWriter.ABSENT ? misspelt : occurred;
        event.occurredAt = occurred == AvroWriter.ABSENT ? event.eventTime : occurred;
        boolean sameType = schemaType == null || schemaType.equalsIgnoreCase(type)
            || schemaType.equalsIgnoreCase("Event") || EventKind.parse(schemaType) == kind;
        if (!sameType) {
            event.flag("type_mismatch");
        }
        finishOrder();
    }

    private void readPayload() throws IOException {
        if (!json.atObject()) {
            throw new Refused("not_an_object");
        }
        int start = json.start();
        String field;
        while ((field = json.next()) != null) {
            if (order == null && field.equalsIgnoreCase("productOrder") && json.atObject()) {
                order = new Order();
                event.order = order;
                readOrder();
            } else {
                json.keep(field, orderExtra);
            }
        }
        event.payloadHash = Hash.of(bytes, start, json.end());
    }

    private void readOrder() throws IOException {
        String[] texts = order.texts;
        long[] dates = order.dates;
        String field;
        while ((field = json.next()) != null) {
            switch (field) {
                case "id" -> order.id = json.text();
                case "state" -> order.state = parts.state();
                case "category" -> texts[Order.CATEGORY] = json.text();
                case "priority" -> texts[Order.PRIORITY] = json.text();
                case "channel" -> texts[Order.CHANNEL] = parts.channel(field, orderExtra);
                case "creationDate" -> dates[Order.CREATION] = json.instant();
                case "orderDate" -> orderDate = json.instant();
                case "requestedStartDate" -> dates[Order.REQUESTED_START] = json.instant();
                case "requestedCompletionDate" -> dates[Order.REQUESTED_COMPLETION] = json.instant();
                case "expectedCompletionDate" -> dates[Order.EXPECTED_COMPLETION] = json.instant();
                case "completionDate" -> dates[Order.COMPLETION] = json.instant();
                case "cancellationDate" -> dates[Order.CANCELLATION] = json.instant();
                case "cancellationReason" -> texts[Order.CANCELLATION_REASON] = json.text();
                case "externalId" -> texts[Order.EXTERNAL_ID] = parts.reference(field, orderExtra);
                case "billingAccount" -> texts[Order.ACCOUNT] = parts.reference(field, orderExtra);
                case "place", "orderCharacteristic", "productOrderCharacteristic", "characteristic" -> {
                    int start = json.start();
                    foundCircle(parts.circle());
                    orderExtra.add(field, start, json.end());
                }
                case "orderTotalPrice" -> total = prices.list(field, orderExtra);
                case "productOrderItem", "orderItem" -> json.each(this::readItem);
                default -> json.keep(field, orderExtra);
            }
        }
    }

    private void readItem() throws IOException {
        if (!json.atObject()) {
            throw new Refused("wrong_type");
        }
        Item item = new Item();
        item.extra = new Extras();
        Money itemTotal = null;
        String field;
        while ((field = json.next()) != null) {
            switch (field) {
                case "id" -> item.id = json.text();
                case "action" -> item.action = parts.action();
                case "state" -> item.state = parts.state();
                case "quantity" -> item.quantity = parts.wholeNumber();
                case "productOffering" -> item.offering = parts.reference(field, item.extra);
                case "product" -> {
                    item.product = parts.product(field, item.extra);
                    foundCircle(parts.productCircle());
                }
                case "itemPrice" -> item.price = prices.list(field, item.extra);
                case "itemTotalPrice" -> itemTotal = prices.list(field, item.extra);
                default -> json.keep(field, item.extra);
            }
        }
        if (item.id == null) {
            throw new Refused("missing_field");
        }
        item.price = itemTotal == null ? item.price : itemTotal;
        order.items.add(item);
    }

    /** What can be said only when all of the order was read. */
    private void finishOrder() {
        if (order.id == null) {
            throw new Refused("missing_field");
        }
        order.texts[Order.CIRCLE] = circle;
        if (order.dates[Order.CREATION] == AvroWriter.ABSENT) {
            order.dates[Order.CREATION] = orderDate;
        }
        order.price = total;
        if (total == null) {
            for (Item item : order.items) {
                prices.addUp(item.price);
            }
            order.price = prices.sum();
        }
        long created = order.dates[Order.CREATION];
        int over = States.set(States.CANCELLED, States.COMPLETED, States.FAILED, States.PARTIAL);
        boolean suspect = event.change == OrderEvent.CREATED && States.in(over, order.state)
            || isBefore(Order.EXPECTED_COMPLETION, created) || isBefore(Order.REQUESTED_COMPLETION, created)
            || isBefore(Order.COMPLETION, created);
        if (suspect) {
            event.flag("sla_suspect");
        }
    }

    private boolean isBefore(int date, long created) {
        return order.dates[date] != AvroWriter.ABSENT && order.dates[date] < created;
    }

    private void foundCircle(String found) {
        circle = circle == null ? found : circle;
    }

    private static String orEmpty(String text) {
        return text == null ? "" : text;
    }
}
