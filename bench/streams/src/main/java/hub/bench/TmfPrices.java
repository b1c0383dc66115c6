package hub.bench;

import java.io.IOException;
import java.util.Locale;

/** Prices in TMF events, in any of their shapes, and their sum. */
final class TmfPrices {
    private final JsonFields json;
    private OrderEvent event;

    private Money sum;
    private boolean hasSum;
    private boolean hasNoSum;

    TmfPrices(JsonFields json) {
        this.json = json;
    }

    /** Flags go to this event from now on. */
    void begin(OrderEvent event) {
        this.event = event;
        sum();
    }

    /** The sum of a list of prices, tax included where it is given; the list is kept. */
    Money list(String field, Extras extra) throws IOException {
        int start = json.start();
        json.each(() -> {
            if (json.atObject()) {
                addUp(price());
            } else {
                json.skip();
            }
        });
        extra.add(field, start, json.end());
        return sum();
    }

    /** The amount of one price, which may stand one level deeper. */
    private Money price() throws IOException {
        Money taxed = null;
        Money untaxed = null;
        Money nested = null;
        boolean isNested = false;
        String field;
        while ((field = json.next()) != null) {
            if (field.equals("price") && json.atObject()) {
                isNested = true;
                nested = price();
            } else if (field.equals("taxIncludedAmount")) {
                taxed = amount();
            } else if (field.equals("dutyFreeAmount")) {
                untaxed = amount();
            } else {
                json.skip();
            }
        }
        return isNested ? nested : taxed == null ? untaxed : taxed;
    }

    /** An amount with its currency, which is null where none is given. */
    private Money amount() throws IOException {
        if (!json.atObject()) {
            throw new Refused("wrong_type");
        }
        String number = null;
        String currency = null;
        String field;
        while ((field = json.next()) != null) {
            switch (field) {
                case "value", "amount" -> number = json.text();
                case "unit", "units", "currency", "currencyCode" -> currency = json.text();
                default -> json.skip();
            }
        }
        return number == null ? null : new Money(currency, Money.micros(number));
    }

    /** Adds to the sum that {@link #sum} gives. */
    void addUp(Money price) {
        if (price == null) {
            return;
        }
        String currency = price.currency();
        if (currency == null) {
            event.flag("currency_defaulted");
            currency = "INR";
        } else if (!Currencies.isKnown(currency)) {
            currency = currency.toUpperCase(Locale.ROOT);
            if (!Currencies.isKnown(currency)) {
                event.flag("unknown_currency");
            }
        }
        if (!hasSum) {
            hasSum = true;
            sum = new Money(currency, price.micros());
        } else if (!hasNoSum) {
            long micros = sum.micros() + price.micros();
            boolean overflows = ((sum.micros() ^ micros) & (price.micros() ^ micros)) < 0;
            hasNoSum = overflows || !currency.equals(sum.currency());
            if (hasNoSum) {
                event.flag(overflows ? "amount_overflow" : "mixed_currency");
            } else {
                sum = new Money(currency, micros);
            }
        }
    }

    /** The sum, none for no price, several currencies and beyond 64 bits; the next one begins at nothing. */
    Money sum() {
        Money result = hasNoSum ? null : sum;
        sum = null;
        hasSum = false;
        hasNoSum = false;
        return result;
    }
}
